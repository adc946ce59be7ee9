// A modal <dialog>: the browser keeps the focus inside, closes it on Escape and returns the focus.
import { signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { IconButton } from './icons';

export type DialogName = 'settings' | 'model' | 'shortcuts' | 'key' | 'data';

export const openDialog = signal<DialogName | undefined>(undefined);

interface DialogProps {
  name: DialogName;
  title: string;
  children: ComponentChildren;
}

export function Dialog({ name, title, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const isOpen = openDialog.value === name;
  // Before the next frame: what it shows is in the page already, and Escape must find it open.
  useLayoutEffect(() => {
    if (isOpen && !dialog.current?.open) dialog.current?.showModal();
    if (!isOpen && dialog.current?.open) dialog.current.close();
  }, [isOpen]);
  const close = () => {
    if (openDialog.value === name) openDialog.value = undefined;
  };
  return (
    <dialog
      ref={dialog}
      aria-labelledby={`${name}-title`}
      onClose={close}
      onClick={(e) => e.target === dialog.current && close()} // beside it, on the backdrop
    >
      {isOpen && (
        <div class="dialog">
          <header class="dialog-head">
            <h2 id={`${name}-title`}>{title}</h2>
            <IconButton icon="close" label="Close" onClick={close} />
          </header>
          {children}
        </div>
      )}
    </dialog>
  );
}
