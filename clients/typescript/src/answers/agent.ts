/** Asking an agent, a capability or a model. */

import type { Json } from '../frames.js';
import type { Answer } from './answer.js';

export interface InvokeOptions {
  /** Keeps the messages before it, by the server. */
  readonly conversation?: string;
  readonly deadlineSeconds?: number;
  /** What happens when nobody views it: `continue` (default), or `cancel` after `abandonedAfterSeconds`. */
  readonly onAbandoned?: 'continue' | 'cancel';
  readonly abandonedAfterSeconds?: number;
  /** `max_tokens`, `temperature`, `tools` …, as in docs/protocol.md. */
  readonly options?: { readonly [name: string]: Json };
  /** Cancels it. */
  readonly signal?: AbortSignal;
}

/** A text, or messages of `role` and `parts`. */
export type Input = string | Json[];

export type Target = { agent: string } | { capability: string } | { model: string };

export interface ResumeOptions {
  readonly cursor?: string;
  readonly signal?: AbortSignal;
}

/** One to whom questions are put. */
export class Agent {
  constructor(
    readonly target: Target,
    private readonly host: {
      invoke(target: Target, input: Input, options: InvokeOptions): Answer;
      answer(streamId: string, options: ResumeOptions): Answer;
    },
  ) {}

  /** Ask. Lost before its first part it fails with `unknown`: it may have been asked. */
  invoke(input: Input, options: InvokeOptions = {}): Answer {
    return this.host.invoke(this.target, input, options);
  }

  /** Go on with an answer, after a reload or in another tab. */
  resume(streamId: string, options: ResumeOptions = {}): Answer {
    return this.host.answer(streamId, options);
  }
}
