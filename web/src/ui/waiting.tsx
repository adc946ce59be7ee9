// Below an answer that is being written: what it waits for, or how fast it comes.
import { useEffect, useState } from 'preact/hooks';
import type { Writing } from '../chats/writing';

function useClock(ms: number): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), ms);
    return () => clearInterval(timer);
  }, [ms]);
  return now;
}

export function Waiting({ writing }: { writing: Writing }) {
  const now = useClock(500);
  if (writing.retryAt) {
    const seconds = Math.max(0, Math.ceil((writing.retryAt - now) / 1000));
    return (
      <p class="waiting" role="status">
        {writing.waitsFor} {/* Not to be read aloud every second. */}
        <span aria-hidden="true">Next try in {seconds} s.</span>
      </p>
    );
  }
  if (!writing.first) {
    return (
      <p class="waiting">
        <span class="dots" aria-hidden="true">
          <i />
          <i />
          <i />
        </span>
        <span class="hidden">Waiting for the first word</span>
      </p>
    );
  }
  const seconds = (performance.now() - writing.first) / 1000;
  const rate = seconds > 0.5 ? `${(writing.pieces / seconds).toFixed(1)} tokens/s` : '';
  return <p class="waiting figures">{rate}</p>;
}
