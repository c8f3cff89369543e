/** The whole page: who it speaks for, the way between the views, and how it is connected. */

import type { State } from '@blackroad/realtime';
import { useEffect, useRef, useState } from 'preact/hooks';
import { SignIn } from './SignIn.js';
import {
  type Access,
  DEVELOPER,
  enter,
  forget,
  keep,
  keptAccess,
  takeTicket,
} from './session/access.js';
import { Desk } from './session/desk.js';
import { DeskContext, useConnection, useDesk } from './session/hooks.js';
import { linkTo, useRoute } from './session/route.js';
import { icons, Mark } from './ui/icons.js';
import { type Theme, useTheme } from './ui/theme.js';
import { Agents } from './views/Agents.js';
import { Channels } from './views/Channels.js';
import { Chat } from './views/Chat.js';
import { Explain } from './views/Explain.js';
import { Nodes } from './views/Nodes.js';
import { Streams } from './views/Streams.js';
import { Tap } from './views/Tap.js';

const VIEWS = ['agents', 'channels', 'tap', 'chat', 'streams', 'nodes', 'explain'] as const;
type View = (typeof VIEWS)[number];
const nameOf = (view: View) => view.charAt(0).toUpperCase() + view.slice(1);
const isView = (word: string): word is View => VIEWS.some(each => each === word);

/** A ticket in the address, else what this tab was let in with, else nothing: enough in development. */
const ticket = takeTicket();

export function App() {
  const [access, setAccess] = useState<Access | undefined>(
    ticket ? undefined : (keptAccess() ?? DEVELOPER),
  );
  const [why, setWhy] = useState<string | undefined>();
  const come = (found: Access) => {
    keep(found);
    setWhy(undefined);
    setAccess(found);
  };
  const go = (reason: string) => {
    forget();
    setWhy(reason);
    setAccess(undefined);
  };
  useEffect(() => {
    const use = (shown: string | undefined) => {
      if (shown) enter({ ticket: shown }).then(come, (error: Error) => go(error.message));
    };
    use(ticket);
    const again = () => use(takeTicket()); // a link that is opened in a tab that is here already
    addEventListener('hashchange', again);
    return () => removeEventListener('hashchange', again);
  }, []);
  if (access) return <Inside key={access.token} access={access} onOut={go} />;
  return why === undefined ? null : <SignIn why={why} onEnter={come} />;
}

function Inside({ access, onOut }: { access: Access; onOut: (why: string) => void }) {
  const [desk, setDesk] = useState<Desk>();
  useEffect(() => {
    const made = new Desk(access);
    const remove = made.client.on('state', state => {
      if (state === 'open') setDesk(made);
      if (state === 'closed' && made.closed) onOut(reason(access, made.closed.code));
    });
    made.client.connect().catch(() => undefined);
    return () => {
      remove();
      made.close();
    };
  }, [access]);
  if (!desk) return <p class="opening pulse">Connecting…</p>;
  return (
    <DeskContext.Provider value={desk}>
      <Shell onOut={() => onOut('')} />
    </DeskContext.Provider>
  );
}

/** Why one has to sign in again. Who comes without anything is not told that it was refused. */
function reason(access: Access, code: string): string {
  if (!access.token) return '';
  return code === 'token_expired'
    ? 'Your token has ended.'
    : 'You were signed out: your token holds no more.';
}

function Shell({ onOut }: { onOut: () => void }) {
  const { client, access } = useDesk();
  const [word = '', ...args] = useRoute();
  const view = isView(word) ? word : 'agents';
  const [theme, choose] = useTheme();
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);
  useEffect(() => {
    document.title = `${nameOf(view)} – BlackRoad Realtime`;
    if (!first.current) main.current?.querySelector('h1')?.focus();
    first.current = false;
  }, [view]);
  return (
    <div class="shell">
      <a class="skip" href="#main" onClick={event => skip(event, main.current)}>
        To the content
      </a>
      <header class="side">
        <p class="brand">
          <Mark />
          <span>BlackRoad</span>
        </p>
        <nav aria-label="Views">
          {VIEWS.map(each => (
            <Tab key={each} view={each} current={each === view} />
          ))}
        </nav>
        <div class="me">
          <Connection state={useConnection(client)} />
          <p class="id" title={access.clientId}>
            {access.clientId}
          </p>
          <Buttons theme={theme} onTheme={choose} onOut={access.token ? onOut : undefined} />
        </div>
      </header>
      <main id="main" ref={main} tabIndex={-1}>
        <Shown view={view} args={args} theme={theme} />
      </main>
    </div>
  );
}

function skip(event: MouseEvent, main: HTMLElement | null): void {
  event.preventDefault();
  main?.focus();
}

function Tab({ view, current }: { view: View; current: boolean }) {
  const Icon = icons[view];
  return (
    <a href={linkTo(view)} aria-current={current ? 'page' : undefined}>
      <Icon />
      {nameOf(view)}
    </a>
  );
}

const STATES: Record<State, string> = {
  idle: 'not connected',
  connecting: 'connecting',
  open: 'connected',
  waiting: 'reconnecting',
  closed: 'signed out',
};

const Connection = ({ state }: { state: State }) => (
  <p class={`connection ${state}`} role="status">
    <i aria-hidden="true" />
    {STATES[state]}
  </p>
);

function Buttons({
  theme,
  onTheme,
  onOut,
}: {
  theme: Theme;
  onTheme: (theme: Theme) => void;
  onOut?: () => void;
}) {
  const other = theme === 'dark' ? 'light' : 'dark';
  return (
    <div class="buttons">
      <button
        type="button"
        class="bare"
        aria-label={`Use ${other} colours`}
        title={`Use ${other} colours`}
        onClick={() => onTheme(other)}
      >
        {theme === 'dark' ? <icons.sun /> : <icons.moon />}
      </button>
      {onOut && (
        <button type="button" class="bare" aria-label="Sign out" title="Sign out" onClick={onOut}>
          <icons.out />
        </button>
      )}
    </div>
  );
}

function Shown({ view, args, theme }: { view: View; args: readonly string[]; theme: Theme }) {
  switch (view) {
    case 'agents':
      return <Agents />;
    case 'channels':
      return <Channels />;
    case 'tap':
      return <Tap args={args} />;
    case 'chat':
      return <Chat args={args} />;
    case 'streams':
      return <Streams args={args} />;
    case 'nodes':
      return <Nodes theme={theme} />;
    case 'explain':
      return <Explain args={args} />;
  }
}
