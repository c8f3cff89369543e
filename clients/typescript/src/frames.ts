/** What client and server say to each other: the frames of docs/protocol.md. */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** An event of a channel. `T` is what `content` holds. */
export interface RealtimeEvent<T = Json> {
  readonly type: string;
  readonly room: string;
  readonly content: T;
  /** Bytes as base64, where the event has no `content`. */
  readonly data?: string;
  readonly from?: string;
  readonly from_kind?: string;
  readonly timestamp?: string;
  readonly event_id?: string;
  readonly offset?: number;
  readonly headers?: Record<string, string>;
  readonly correlation_id?: string;
  /** Resume after it. */
  readonly cursor?: string;
  /** Set while the subscription of this name catches up. */
  readonly subscription?: string;
}

export type GapReason = 'expired' | 'epoch_changed' | 'not_kept';

/** Events are missing: load the state anew. */
export interface Gap {
  readonly room: string;
  readonly reason: GapReason;
  readonly cursor: string;
}

export interface Usage {
  readonly input_tokens: number;
  readonly output_tokens: number;
}

interface Step {
  readonly stream_id: string;
  readonly index?: number;
  readonly cursor?: string;
  readonly room?: string;
  readonly offset?: number;
}

/** One step of an answer, by `status`. A `snapshot` replaces all that was said before it. */
export type AnswerPart = Step &
  (
    | { readonly status: 'queued'; readonly position?: number }
    | {
        readonly status: 'started';
        readonly agent?: string;
        readonly model?: string;
        readonly attempt?: number;
      }
    | {
        readonly status: 'snapshot';
        readonly text: string;
        readonly thinking?: string;
        readonly parts?: Json[];
        readonly state?: string;
      }
    | { readonly status: 'streaming' | 'thinking'; readonly delta: string }
    | { readonly status: 'progress'; readonly percent: number; readonly message: string }
    | {
        readonly status: 'tool_call';
        readonly tool_call_id: string;
        readonly name: string;
        readonly arguments: Json;
      }
    | {
        readonly status: 'tool_result';
        readonly tool_call_id: string;
        readonly content: Json;
        readonly is_error?: boolean;
      }
    | { readonly status: 'input_required'; readonly prompt: string; readonly schema?: Json }
    | { readonly status: 'input'; readonly content: Json }
    | { readonly status: 'usage'; readonly usage: Usage }
    | {
        readonly status: 'finished';
        readonly reason: string;
        readonly output?: Json;
        readonly usage?: Usage;
      }
    | {
        readonly status: 'failed';
        readonly code: string;
        readonly message: string;
        readonly retryable?: boolean;
        readonly usage?: Usage;
      }
    | { readonly status: 'cancelled'; readonly usage?: Usage }
  );

export type Status = 'online' | 'away' | 'busy' | 'offline';
export type EntityType = 'agent' | 'user' | 'service';

/** Who is here, and how. */
export interface Entity {
  readonly entity_id: string;
  readonly entity_type: EntityType;
  readonly status: Status;
  readonly last_seen?: string;
  readonly metadata: Json;
  readonly sessions: readonly Json[];
}

/** Where an event went. */
export interface Published {
  readonly room: string;
  readonly event_id: string;
  readonly offset: number;
  readonly duplicate: boolean;
}

export interface History<T = Json> {
  readonly room: string;
  readonly events: readonly RealtimeEvent<T>[];
  readonly more: boolean;
}

/** Any frame: which fields are there depends on `type`. */
export interface Frame {
  readonly type: string;
  readonly id?: string;
  readonly ids?: readonly string[];
  readonly room?: string;
  readonly cursor?: string;
  readonly [field: string]: unknown;
}

/** The frames of the server that are no events. */
const CONTROL = new Set(
  'welcome subscribed unsubscribed published history presence accepted pong gap caught_up bookmark error closing agent.opened'.split(
    ' ',
  ),
);

export const isEvent = (frame: Frame): boolean => !CONTROL.has(frame.type);

export const roomOf = (frame: Frame): string =>
  frame.room ?? (typeof frame.channel_id === 'string' ? frame.channel_id : '');

/** Whether a pattern (or name) matches a channel's name: `*` is one token, a last `>` one or more. */
export function matches(pattern: string, name: string): boolean {
  if (pattern === name) return true;
  const wanted = pattern.split('.');
  const tokens = name.split('.');
  const last = wanted.length - 1;
  const open = wanted[last] === '>' || wanted[last] === '**';
  if (open ? tokens.length < wanted.length : tokens.length !== wanted.length) return false;
  return wanted.every(
    (token, at) => (open && at === last) || token === '*' || token === tokens[at],
  );
}

/** Whether a name is a pattern. */
export const isPattern = (name: string): boolean => /(^|\.)(\*\*?|>)(\.|$)/.test(name);
