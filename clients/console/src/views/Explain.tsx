/** Why a session did, or did not, get the events of a channel. */

import { useEffect, useState } from 'preact/hooks';
import type { Explanation, SessionInfo } from '../session/documents.js';
import type { Page } from '../session/desk.js';
import { goTo, linkTo } from '../session/route.js';
import { useDesk, usePolled } from '../session/hooks.js';
import { Pages } from '../session/pages.js';
import { icons } from '../ui/icons.js';
import { Empty, Head, Trouble } from '../ui/pieces.js';
import { Search, SHOWN, sought } from '../ui/Search.js';
import { bytes, clock, count, since } from '../ui/words.js';

const wordsOf = (each: SessionInfo): string =>
  [each.client_id, each.session_id, each.door, each.kind, ...each.subscriptions].join(' ');

export function Explain({ args }: { args: readonly string[] }) {
  const desk = useDesk();
  const [session = '', channel = ''] = args;
  const [wanted, setWanted] = useState('');
  const [pages] = useState(
    () =>
      new Pages(
        token =>
          desk.get<Page<SessionInfo>>(
            `/v1/sessions?page_size=500&page_token=${encodeURIComponent(token)}`,
          ),
        each => each.session_id,
      ),
  );
  const { data, error } = usePolled(() => pages.turn(), pages.long ? 1 : 4);
  const fits = sought(wanted);
  const sessions = data?.filter(each => fits(wordsOf(each))) ?? [];
  return (
    <div class="view">
      <Head title="Explain" />
      <p class="lead">
        Why did a session not get a message? Choose the session, and name the channel.
      </p>
      <Ask key={`${session}/${channel}`} session={session} channel={channel} />
      {session && channel && (
        <Verdict key={`${session} ${channel}`} session={session} channel={channel} />
      )}
      {error && <Trouble error={error} />}
      {data && (
        <>
          <div class="bar">
            <h2>Sessions</h2>
            <Search what="sessions" value={wanted} onSearch={setWanted} />
          </div>
          {sessions.length === 0 ? (
            <Empty>No session matches.</Empty>
          ) : (
            <Sessions sessions={sessions.slice(0, SHOWN)} chosen={session} channel={channel} />
          )}
          {sessions.length > SHOWN && (
            <p class="note">
              {SHOWN} of {count(sessions.length)}. Search to see others.
            </p>
          )}
          {pages.cut && <p class="note">There are more sessions than are read here.</p>}
        </>
      )}
    </div>
  );
}

function Ask({ session, channel }: { session: string; channel: string }) {
  const ask = (event: SubmitEvent) => {
    event.preventDefault();
    const given = new FormData(event.currentTarget as HTMLFormElement);
    const text = (name: string) => String(given.get(name) ?? '').trim();
    if (text('session')) goTo(['explain', text('session'), text('channel')]);
  };
  return (
    <form class="bar ask" onSubmit={ask}>
      <label class="inline wide">
        <span>Session</span>
        <input
          name="session"
          class="mono"
          defaultValue={session}
          placeholder="se_…"
          spellcheck={false}
          autocomplete="off"
          autocapitalize="off"
          required
        />
      </label>
      <label class="inline wide">
        <span>Channel</span>
        <input
          name="channel"
          class="mono"
          defaultValue={channel}
          placeholder="task.42.progress"
          spellcheck={false}
          autocomplete="off"
          autocapitalize="off"
          required
        />
      </label>
      <button class="primary">Explain</button>
    </form>
  );
}

function Verdict({ session, channel }: { session: string; channel: string }) {
  const desk = useDesk();
  const [found, setFound] = useState<Explanation>();
  const [error, setError] = useState<Error>();
  useEffect(() => {
    const path = `/v1/sessions/${encodeURIComponent(session)}/explain?channel=${encodeURIComponent(channel)}`;
    desk.get<Explanation>(path).then(setFound, setError);
  }, [desk, session, channel]);
  if (error) return <Trouble error={error} />;
  if (!found) return null;
  const open = found.policy.access === 'public';
  return (
    <section
      class={`card verdict ${found.delivered ? 'yes' : 'no'}`}
      aria-label="Explanation"
      role="status"
    >
      <h2>{found.delivered ? 'It gets the events' : 'It does not get the events'}</h2>
      <p class="summary">{found.summary}</p>
      <ul class="checks">
        <Check fine={found.subscription !== undefined} name="Subscription">
          {found.subscription ? (
            <code>{found.subscription}</code>
          ) : (
            'none of its subscriptions matches'
          )}
        </Check>
        <Check fine={found.grant !== undefined || found.member} name="Right">
          {found.grant ? (
            <code>{found.grant}</code>
          ) : found.member ? (
            'it is a member'
          ) : (
            'no grant covers it'
          )}
        </Check>
        <Check fine={open || found.member} name="Access">
          {found.policy.access}
          {!open && (found.member ? ', it is a member' : ', it is no member')}
        </Check>
        <Check fine={!found.catching_up} name="Place">
          {found.catching_up ? 'catching up on what it missed' : 'live'},{' '}
          {bytes(found.queued_bytes)} waiting
        </Check>
        <Check fine={found.gap_at === undefined} name="Gaps">
          {found.gap_at ? `the last one at ${clock(found.gap_at)}` : 'none was told'}
        </Check>
      </ul>
    </section>
  );
}

function Check({
  fine,
  name,
  children,
}: {
  fine: boolean;
  name: string;
  children: preact.ComponentChildren;
}) {
  return (
    <li class={fine ? 'good' : 'bad'}>
      {fine ? <icons.yes /> : <icons.no />}
      <span class="unseen">{fine ? 'fine:' : 'not fine:'}</span>
      <b>{name}</b>
      <span>{children}</span>
    </li>
  );
}

interface SessionsProps {
  sessions: readonly SessionInfo[];
  chosen: string;
  channel: string;
}

function Sessions({ sessions, chosen, channel }: SessionsProps) {
  const own = useDesk().client.sessionId;
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Sessions">
      <table>
        <thead>
          <tr>
            <th scope="col">Who</th>
            <th scope="col">Door</th>
            <th scope="col" class="more">
              Follows
            </th>
            <th scope="col" class="number more">
              Waiting
            </th>
            <th scope="col">Here for</th>
            <th scope="col" class="more">
              Session
            </th>
          </tr>
        </thead>
        <tbody>
          {sessions.map(each => (
            <tr key={each.session_id} class={each.session_id === chosen ? 'chosen' : ''}>
              <th scope="row">
                <a
                  href={linkTo('explain', each.session_id, channel)}
                  aria-current={each.session_id === chosen ? 'true' : undefined}
                >
                  {each.client_id}
                </a>{' '}
                <span class="quiet">{each.session_id === own ? 'this page' : each.kind}</span>
              </th>
              <td>{[each.door, each.method].filter(Boolean).join(' ')}</td>
              <td class="mono more">{follows(each.subscriptions)}</td>
              <td class="number more">
                {each.catching_up ? 'catching up' : bytes(each.queued_bytes)}
              </td>
              <td>{since(each.connected_at)}</td>
              <td class="mono quiet more">{each.session_id}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const follows = (names: readonly string[]): string =>
  names.length > 3
    ? `${names.slice(0, 3).join(', ')} and ${count(names.length - 3)} more`
    : names.join(', ');
