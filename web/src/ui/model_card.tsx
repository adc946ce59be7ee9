import { model } from '../chats/server';
import { Dialog } from './dialog';

function bytes(n: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let at = 0;
  let value = n;
  for (; value >= 1000 && at < units.length - 1; at++) value /= 1000;
  return `${value.toFixed(at < 2 || value >= 100 ? 0 : 1)} ${units[at]}`;
}

function count(n: number): string {
  if (n >= 1e9) return `${(n / 1e9).toFixed(1)} billion`;
  if (n >= 1e6) return `${(n / 1e6).toFixed(1)} million`;
  return n.toLocaleString('en');
}

export function ModelDialog() {
  const m = model.value;
  const info = m?.onebit ?? {};
  const is = <T,>(value: T | undefined, show: (v: T) => string = String): string =>
    value === undefined || value === null || value === '' ? '' : show(value);
  const rows: [string, string][] = [
    ['Name', is(info.name || m?.id)],
    ['Architecture', is(info.architecture)],
    ['Parameters', is(info.parameters, count)],
    ['Bits per weight', is(info.bits_per_weight, (v) => v.toFixed(2))],
    ['Size', is(info.file_bytes, bytes)],
    ['Activations', is(info.activations)],
    ['Instruction set', is(info.isa)],
    ['Threads', is(info.threads)],
    ['Context', is(info.context, (v) => `${v.toLocaleString('en')} tokens`)],
    ['Chat template', info.is_chat === false ? 'none: it continues text' : is(info.template)],
  ];
  return (
    <Dialog name="model" title="Model">
      {m ? (
        <dl class="card">
          {rows
            .filter(([, value]) => value)
            .map(([name, value]) => (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{value}</dd>
              </div>
            ))}
        </dl>
      ) : (
        <p>The server has not said yet which model it runs.</p>
      )}
    </Dialog>
  );
}
