/** An answer on the page: thinking, tools, questions, text, and what it cost. */

import type { Json } from '@blackroad/realtime';
import { icons } from '../ui/icons.js';
import { Status } from '../ui/pieces.js';
import { count } from '../ui/words.js';
import { Markdown } from './markdown.js';
import { Question } from './Question.js';
import { isOver, type Shown, type Turn } from './turn.js';

interface Props {
  turn: Turn;
  onReply?: (content: Json) => Promise<void>;
}

const WAITING: Record<string, string> = { asked: 'Asking…', queued: 'Waiting for a free worker…' };

export function TurnView({ turn, onReply }: Props) {
  const over = isOver(turn);
  const { progress } = turn;
  return (
    <article
      class="turn"
      aria-busy={!over}
      aria-label={`Answer of ${turn.agent ?? turn.model ?? 'the agent'}`}
    >
      <p class="who">
        <strong>{turn.agent ?? turn.model ?? '…'}</strong>
        {turn.agent && turn.model && <span>{turn.model}</span>}
      </p>
      {turn.parts.map((part, at) => (
        <Part
          key={at}
          part={part}
          live={!over && at === turn.parts.length - 1}
          onReply={over ? undefined : onReply}
        />
      ))}
      {!over && turn.parts.length === 0 && (
        <p class="pulse">{WAITING[turn.status] ?? 'Thinking…'}</p>
      )}
      {!over && progress && (
        <p class="progress">
          <progress value={progress.percent} max={100} aria-label="Progress" />
          {Math.round(progress.percent)} % {progress.message}
        </p>
      )}
      {over && <Foot turn={turn} />}
    </article>
  );
}

function Foot({ turn }: { turn: Turn }) {
  const { usage, trouble, status } = turn;
  return (
    <p class="foot">
      {status !== 'finished' && <Status word={status === 'cancelled' ? 'stopped' : status} />}
      {trouble && <span class="why">{trouble}</span>}
      {usage && (
        <span>
          {count(usage.input_tokens)} tokens in, {count(usage.output_tokens)} out
        </span>
      )}
      {turn.took && <span>{turn.took}</span>}
    </p>
  );
}

function Part({ part, live, onReply }: { part: Shown; live: boolean; onReply?: Props['onReply'] }) {
  switch (part.kind) {
    case 'text':
      return (
        <div class={`text ${live ? 'live' : ''}`}>
          <Markdown text={part.text} />
        </div>
      );
    case 'thinking':
      return (
        <details class="aside" open={live}>
          <summary>
            <icons.thought />
            {live ? 'Thinking…' : 'Thought'}
          </summary>
          <p>{part.text}</p>
        </details>
      );
    case 'tool':
      return <Tool part={part} />;
    case 'question':
      return <Question {...part} onReply={onReply} />;
  }
}

function Tool({ part }: { part: Extract<Shown, { kind: 'tool' }> }) {
  const state = part.result === undefined ? 'calling' : part.failed ? 'failed' : 'done';
  return (
    <details class="aside tool">
      <summary>
        <icons.tool />
        <code>{part.name}</code>
        <span class={`state ${state}`}>{state}</span>
      </summary>
      <pre tabIndex={0} aria-label="Arguments">
        {pretty(part.arguments)}
      </pre>
      {part.result !== undefined && (
        <pre tabIndex={0} aria-label="Result">
          {pretty(part.result)}
        </pre>
      )}
    </details>
  );
}

/** Return JSON in lines; text that is JSON, too. */
export function pretty(value: Json | undefined): string {
  if (typeof value !== 'string') return JSON.stringify(value, null, 2) ?? '';
  try {
    return /^\s*[[{]/.test(value) ? JSON.stringify(JSON.parse(value), null, 2) : value;
  } catch {
    return value;
  }
}
