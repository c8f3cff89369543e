/** One answer as it is shown: what has been said so far, part by part, and how it stands. */

import type { AnswerPart, Json, Usage } from '@blackroad/realtime';
import type { Stream, StreamPart } from '../session/documents.js';
import { between } from '../ui/words.js';

export type Shown =
  | { readonly kind: 'text' | 'thinking'; readonly text: string }
  | {
      readonly kind: 'tool';
      readonly id: string;
      readonly name: string;
      readonly arguments: Json;
      readonly result?: Json;
      readonly failed?: boolean;
    }
  | {
      readonly kind: 'question';
      readonly prompt: string;
      readonly schema?: Json;
      readonly reply?: Json;
    };

export interface Turn {
  readonly streamId: string;
  readonly status: string;
  readonly parts: readonly Shown[];
  readonly agent?: string;
  readonly model?: string;
  readonly progress?: { readonly percent: number; readonly message: string };
  readonly usage?: Usage;
  /** Why it failed, or ended early. */
  readonly trouble?: string;
  readonly took?: string;
}

export const asked: Turn = { streamId: '', status: 'asked', parts: [] };

const ENDED = new Set(['finished', 'failed', 'cancelled']);
export const isOver = (turn: Turn): boolean => ENDED.has(turn.status);

/** Return the turn after one more step of its answer. */
export function fold(turn: Turn, part: AnswerPart): Turn {
  const next = { ...turn, streamId: part.stream_id };
  switch (part.status) {
    case 'queued':
      return { ...next, status: 'queued' };
    case 'started':
      return { ...next, status: 'running', agent: part.agent ?? next.agent, model: part.model };
    case 'snapshot': {
      const parts = (part.parts ?? []) as unknown as readonly StreamPart[];
      return { ...next, status: part.state ?? 'running', parts: parts.reduce(put, []) };
    }
    case 'streaming':
      return {
        ...next,
        status: 'running',
        parts: put(next.parts, { type: 'text', text: part.delta }),
      };
    case 'thinking':
      return {
        ...next,
        status: 'running',
        parts: put(next.parts, { type: 'thinking', text: part.delta }),
      };
    case 'progress':
      return { ...next, progress: { percent: part.percent, message: part.message } };
    case 'tool_call':
    case 'tool_result':
      return { ...next, status: 'running', parts: put(next.parts, { ...part, type: part.status }) };
    case 'input_required':
      return { ...next, status: 'waiting', parts: put(next.parts, { ...part, type: part.status }) };
    case 'input':
      return {
        ...next,
        status: 'running',
        parts: put(next.parts, { type: 'input', content: part.content }),
      };
    case 'usage':
      return { ...next, usage: part.usage };
    case 'finished':
      return {
        ...next,
        status: 'finished',
        usage: part.usage ?? next.usage,
        trouble: part.reason === 'length' ? 'It was cut off at a limit.' : undefined,
      };
    case 'failed':
      return { ...next, status: 'failed', usage: part.usage ?? next.usage, trouble: part.message };
    case 'cancelled':
      return { ...next, status: 'cancelled', usage: part.usage ?? next.usage };
  }
}

/** Return a turn from what is kept of its answer. */
export const turnOf = (stream: Stream): Turn => ({
  streamId: stream.stream_id,
  status: stream.status,
  parts: (stream.parts ?? []).reduce(put, []),
  agent: stream.agent ?? stream.target.agent,
  model: stream.model ?? stream.target.model,
  usage: stream.usage,
  trouble: stream.status === 'failed' ? stream.message : undefined,
  took: between(stream.created_at, stream.ended_at),
});

/** Put a part behind the others; text goes on where text was said last, and a result to its call. */
function put(parts: readonly Shown[], part: StreamPart): readonly Shown[] {
  const last = parts.at(-1);
  switch (part.type) {
    case 'text':
    case 'thinking':
      return last?.kind === part.type
        ? [...parts.slice(0, -1), { ...last, text: last.text + (part.text ?? '') }]
        : [...parts, { kind: part.type, text: part.text ?? '' }];
    case 'tool_call':
      return [
        ...parts,
        {
          kind: 'tool',
          id: part.tool_call_id ?? '',
          name: part.name ?? '',
          arguments: part.arguments ?? null,
        },
      ];
    case 'tool_result':
      return parts.map(each =>
        each.kind === 'tool' && each.id === part.tool_call_id
          ? { ...each, result: part.content ?? '', failed: part.is_error }
          : each,
      );
    case 'input_required':
      return [...parts, { kind: 'question', prompt: part.prompt ?? '', schema: part.schema }];
    case 'input':
      return parts.map((each, at) =>
        each.kind === 'question' && each.reply === undefined && at === lastQuestion(parts)
          ? { ...each, reply: part.content ?? null }
          : each,
      );
    default:
      return parts;
  }
}

const lastQuestion = (parts: readonly Shown[]): number =>
  parts.findLastIndex(each => each.kind === 'question');
