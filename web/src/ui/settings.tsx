import { useState } from 'preact/hooks';
import { type Field, kFields, readField } from '../chats/request';
import { isChat } from '../chats/server';
import { change, settings, type Theme } from '../chats/settings';
import { current, put } from '../chats/store';
import { Dialog } from './dialog';

function SamplingField({ field }: { field: Field }) {
  const [wrong, setWrong] = useState('');
  const value = settings.value.sampling[field.name];
  const id = `field-${field.name}`;
  const onInput = (typed: string) => {
    const read = readField(field, typed);
    setWrong(typeof read === 'string' ? read : '');
    if (typeof read === 'string') return;
    const sampling = { ...settings.value.sampling };
    if (read === undefined) delete sampling[field.name];
    else sampling[field.name] = read;
    change({ sampling });
  };
  return (
    <div class="field">
      <label for={id}>{field.label}</label>
      <input
        id={id}
        type="text"
        inputMode={field.step === 1 ? 'numeric' : 'decimal'}
        autocomplete="off"
        placeholder="default"
        defaultValue={value === undefined ? '' : String(value)}
        aria-invalid={!!wrong}
        aria-describedby={`${id}-help`}
        onInput={(e) => onInput(e.currentTarget.value)}
      />
      <small id={`${id}-help`} class={wrong ? 'wrong' : ''} aria-live="polite">
        {wrong || field.help}
      </small>
    </div>
  );
}

const kThemes: [Theme, string][] = [
  ['auto', 'As the system'],
  ['light', 'Light'],
  ['dark', 'Dark'],
];

export function SettingsDialog() {
  const [round, setRound] = useState(0); // fields are drawn anew after a reset
  return (
    <Dialog name="settings" title="Settings">
      {isChat.value && (
        <section>
          <h3>System prompt</h3>
          <label for="system-here">This conversation</label>
          <textarea
            id="system-here"
            dir="auto"
            rows={2}
            value={current.value.system}
            onInput={(e) => put({ ...current.value, system: e.currentTarget.value })}
          />
          <label for="system-new">New conversations</label>
          <textarea
            id="system-new"
            dir="auto"
            rows={2}
            value={settings.value.system}
            onInput={(e) => change({ system: e.currentTarget.value })}
          />
        </section>
      )}
      <section>
        <h3>Sampling</h3>
        <p class="hint">An empty field leaves the choice to the server.</p>
        <div class="fields" key={round}>
          {kFields.map((field) => (
            <SamplingField key={field.name} field={field} />
          ))}
        </div>
        <button
          type="button"
          onClick={() => {
            change({ sampling: {} });
            setRound(round + 1);
          }}
        >
          All defaults
        </button>
      </section>
      <fieldset>
        <legend>Colours</legend>
        <div class="choices">
          {kThemes.map(([theme, label]) => (
            <label key={theme}>
              <input
                type="radio"
                name="theme"
                checked={settings.value.theme === theme}
                onChange={() => change({ theme })}
              />
              {label}
            </label>
          ))}
        </div>
      </fieldset>
    </Dialog>
  );
}
