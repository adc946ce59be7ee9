import { useLayoutEffect, useRef } from 'preact/hooks';

// The element that has the focus when it appears.
export function useFocus<E extends HTMLElement>(then?: (element: E) => void) {
  const element = useRef<E>(null);
  useLayoutEffect(() => {
    element.current?.focus();
    if (element.current) then?.(element.current);
  }, []);
  return element;
}
