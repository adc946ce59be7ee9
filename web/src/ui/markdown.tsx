import { memo } from './memo';
import { useEffect, useRef, useState } from 'preact/hooks';
import { type Block, MarkdownView } from '../markdown/render';
import { copyText } from './copy';

const BlockView = memo(({ block }: { block: Block }) =>
  block.html === undefined ? (
    <div class="plain">{block.raw}</div>
  ) : (
    <div class="block" dir="auto" dangerouslySetInnerHTML={{ __html: block.html }} />
  ),
);

async function onClick(event: MouseEvent): Promise<void> {
  const button = (event.target as Element).closest<HTMLButtonElement>('button.copy');
  const code = button?.closest('.code')?.querySelector('code');
  if (!button || !code) return;
  button.textContent = (await copyText(code.textContent ?? '')) ? 'Copied' : 'Not allowed';
  setTimeout(() => (button.textContent = 'Copy'), 1500);
}

export function Markdown({ text }: { text: string }) {
  const view = useRef<MarkdownView>();
  view.current ??= new MarkdownView();
  const [, redraw] = useState(0);
  const { blocks, isWhole } = view.current.render(text);
  useEffect(() => {
    if (isWhole) return;
    const timer = setTimeout(() => redraw((n) => n + 1), 20);
    return () => clearTimeout(timer);
  });
  return (
    // Buttons inside are reached by keys of their own; this only hears their clicks.
    <div class="markdown" onClick={onClick}>
      {blocks.map((block, i) => (
        <BlockView key={i} block={block} />
      ))}
    </div>
  );
}
