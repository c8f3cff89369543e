/** A live tap: every event of a channel or pattern as it comes. */

import { isPattern } from '../tap/pattern.js';
import { useEffect, useReducer, useRef, useState } from 'preact/hooks';
import { pretty } from '../chat/TurnView.js';
import { goTo } from '../session/route.js';
import { useDesk } from '../session/hooks.js';
import { Feed, type Heard } from '../tap/feed.js';
import { Publish } from '../tap/Publish.js';
import { icons } from '../ui/icons.js';
import { Empty, Head, Trouble } from '../ui/pieces.js';
import { Search } from '../ui/Search.js';
import { clock, count, rate } from '../ui/words.js';

const SHOWN = 100;
const HISTORY = 50;
const SUGGESTED = ['>', 'task.>', 'agents', 'alerts', 'broadcast', 'presence.>', 'stream.*'];

export function Tap({ args }: { args: readonly string[] }) {
  const pattern = args[0] || '>';
  const follow = (event: SubmitEvent) => {
    event.preventDefault();
    const wanted = String(
      new FormData(event.currentTarget as HTMLFormElement).get('pattern') ?? '',
    ).trim();
    if (wanted) goTo(['tap', wanted]);
  };
  return (
    <div class="view tap">
      <Head title="Tap">
        <form class="tools" onSubmit={follow} role="search">
          <label class="inline">
            <span>Pattern</span>
            <input
              key={pattern}
              name="pattern"
              class="mono"
              defaultValue={pattern}
              list="patterns"
              spellcheck={false}
              autocapitalize="off"
              autocomplete="off"
            />
          </label>
          <datalist id="patterns">
            {SUGGESTED.map(each => (
              <option key={each} value={each} />
            ))}
          </datalist>
          <button class="primary">Follow</button>
        </form>
      </Head>
      <Events key={pattern} pattern={pattern} />
    </div>
  );
}

function useFeed(pattern: string): Feed | undefined {
  const { client } = useDesk();
  const [, redraw] = useReducer((turn: number) => turn + 1, 0);
  const feed = useRef<Feed | undefined>(undefined);
  useEffect(() => {
    const made = new Feed(client, pattern, isPattern(pattern) ? 0 : HISTORY, () => redraw(0));
    feed.current = made;
    const timer = setInterval(() => redraw(0), 1000);
    return () => {
      clearInterval(timer);
      made.close();
    };
  }, [client, pattern]);
  return feed.current;
}

function Events({ pattern }: { pattern: string }) {
  const feed = useFeed(pattern);
  const [search, setSearch] = useState('');
  const [kind, setKind] = useState('');
  const [frozen, setFrozen] = useState<readonly Heard[]>();
  const heard = frozen ?? feed?.heard ?? [];
  const kinds = [...new Set(heard.map(each => each.event.type))].sort();
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const wanted = heard.filter(
    each => (!kind || each.event.type === kind) && words.every(word => each.words.includes(word)),
  );
  const waiting = frozen && feed ? feed.total - (frozen.at(-1)?.number ?? 0) : 0;
  return (
    <>
      <div class="bar">
        <Search what="in events" value={search} onSearch={setSearch} />
        <select
          aria-label="Type of event"
          value={kind}
          onChange={event => setKind(event.currentTarget.value)}
        >
          <option value="">all types</option>
          {kinds.map(each => (
            <option key={each} value={each}>
              {each}
            </option>
          ))}
        </select>
        <button
          type="button"
          aria-pressed={frozen !== undefined}
          onClick={() => setFrozen(frozen ? undefined : heard)}
        >
          {frozen ? <icons.play /> : <icons.pause />}
          {frozen ? `Go on${waiting > 0 ? ` (${count(waiting)} new)` : ''}` : 'Pause'}
        </button>
        <button
          type="button"
          onClick={() => {
            feed?.clear();
            if (frozen) setFrozen([]);
          }}
        >
          Clear
        </button>
        <span class="rate">
          <b>{rate(feed?.rate ?? 0)}</b>/s
        </span>
      </div>
      {feed?.error && <Trouble error={feed.error} />}
      {feed?.gap && (
        <p class="note">
          Events are missing here: the server kept them no longer ({feed.gap.reason}).
        </p>
      )}
      <Rows heard={wanted} of={heard.length} pattern={pattern} />
      {!isPattern(pattern) && <Publish room={pattern} />}
    </>
  );
}

function Rows({ heard, of, pattern }: { heard: readonly Heard[]; of: number; pattern: string }) {
  if (heard.length === 0)
    return (
      <Empty>
        {of > 0
          ? `None of ${count(of)} events matches.`
          : `Nothing has come on ${pattern} yet. What comes is shown here at once.`}
      </Empty>
    );
  return (
    <>
      <ol class="events" aria-label="Events, newest first" onKeyDown={walk}>
        {heard
          .slice(-SHOWN)
          .reverse()
          .map((each, at) => (
            <Row key={each.number} {...each} first={at === 0} />
          ))}
      </ol>
      {heard.length > SHOWN && (
        <p class="note">
          The newest {SHOWN} of {count(heard.length)}. Search to see others.
        </p>
      )}
    </>
  );
}

/** The list is one stop of the Tab key; the arrows go from line to line. */
function walk(event: KeyboardEvent): void {
  const line = (event.target as HTMLElement).closest('li');
  const next = { ArrowDown: line?.nextElementSibling, ArrowUp: line?.previousElementSibling }[
    event.key
  ];
  if (!next || (event.target as HTMLElement).tagName !== 'SUMMARY') return;
  event.preventDefault();
  next.querySelector('summary')?.focus();
}

function Row({ event, line, first }: Heard & { first: boolean }) {
  const [open, setOpen] = useState(false);
  return (
    <li>
      <details onToggle={toggled => setOpen(toggled.currentTarget.open)}>
        <summary tabIndex={first ? 0 : -1}>
          <time dateTime={event.timestamp}>{clock(event.timestamp)}</time>
          <span class="room">{event.room}</span>
          <span class="type">{event.type}</span>
          <span class="from">{event.from}</span>
          <span class="line">{line}</span>
        </summary>
        {open && (
          <pre tabIndex={0} aria-label="The whole event">
            {pretty(event as never)}
          </pre>
        )}
      </details>
    </li>
  );
}
