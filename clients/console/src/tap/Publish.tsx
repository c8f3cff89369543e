/** Say something in a channel. */

import type { Json } from '@blackroad/realtime';
import { useState } from 'preact/hooks';
import { useDesk } from '../session/hooks.js';
import { icons } from '../ui/icons.js';

export function Publish({ room }: { room: string }) {
  const { client } = useDesk();
  const [text, setText] = useState('');
  const [type, setType] = useState('message');
  const [said, setSaid] = useState('');
  const publish = async (event: SubmitEvent) => {
    event.preventDefault();
    if (!text.trim()) return;
    try {
      await client.publish(room, contentOf(text), { event: type.trim() || 'message' });
      setText('');
      setSaid('');
    } catch (error) {
      setSaid((error as Error).message);
    }
  };
  return (
    <form class="publish" onSubmit={event => void publish(event)} aria-label={`Publish to ${room}`}>
      <input
        class="type mono"
        aria-label="Type"
        value={type}
        onInput={event => setType(event.currentTarget.value)}
        autocapitalize="off"
        autocomplete="off"
        spellcheck={false}
      />
      <input
        class="content"
        aria-label="Content, text or JSON"
        placeholder={`Publish to ${room}: text or JSON`}
        value={text}
        onInput={event => setText(event.currentTarget.value)}
        autocomplete="off"
      />
      <button class="round primary" aria-label="Publish" disabled={!text.trim()}>
        <icons.send />
      </button>
      {said && (
        <p class="trouble" role="alert">
          {said}
        </p>
      )}
    </form>
  );
}

/** JSON where it looks like it and is, else text. */
function contentOf(text: string): Json {
  if (!/^\s*[[{]/.test(text)) return text;
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}
