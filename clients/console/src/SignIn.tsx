/** The way in, where one needs a token. */

import { useState } from 'preact/hooks';
import { type Access, enter } from './session/access.js';
import { Mark } from './ui/icons.js';

export function SignIn({ why, onEnter }: { why: string; onEnter: (access: Access) => void }) {
  const [trouble, setTrouble] = useState(why);
  const [busy, setBusy] = useState(false);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const token = String(
      new FormData(event.currentTarget as HTMLFormElement).get('token') ?? '',
    ).trim();
    if (!token) return;
    setBusy(true);
    try {
      onEnter(await enter({ token }));
    } catch (error) {
      setTrouble((error as Error).message);
      setBusy(false);
    }
  };
  return (
    <main class="door">
      <form class="card" onSubmit={event => void submit(event)}>
        <Mark />
        <h1>BlackRoad Realtime</h1>
        {trouble && (
          <p class="trouble" role="alert">
            {trouble}
          </p>
        )}
        <label for="token">Token</label>
        <input
          id="token"
          name="token"
          type="password"
          autocomplete="off"
          spellcheck={false}
          required
        />
        <button class="primary" disabled={busy}>
          Sign in
        </button>
        <p class="small">
          Or run <code>blackroad console</code>: it prints a link that signs you in.
        </p>
      </form>
    </main>
  );
}
