// Serves invocations: takes them, answers them word by word, and stops where it is asked to.

import { setTimeout as sleep } from 'node:timers/promises';

import { closed, refused } from './keep.js';

const KEPT_MS = 10_000;

/** An agent. Its answers outlive the stream that brought them: the next one names them and goes on. */
export class Server {
  #answers = new Map(); // stream_id: Answer

  constructor(name, follower) {
    this.name = name;
    this.follower = follower;
  }

  /**
   * Takes invocations until the stream ends, 8 at a time. When `leaving` is aborted it takes no more,
   * finishes what it has, and the server ends the stream.
   */
  async serve(stream, leaving) {
    const drain = () => stream.write({ drain: {} });
    leaving.addEventListener('abort', drain);
    const resumed = [...this.#answers.values()].map(({ streamId, attempt }) => ({ streamId, attempt }));
    stream.write({ register: { agent: this.name, capabilities: ['greeting'], maxConcurrency: 8, resumed } });
    for (const answer of this.#answers.values()) answer.goOn(stream);
    try {
      for await (const response of stream) {
        switch (response.frame) {
          case 'registered':
            console.log(`serving ${response.registered.serves.join(', ')}`);
            break;
          case 'invocation':
            this.#answer(response, stream);
            break;
          case 'cancel':
          case 'superseded':
            this.#answers.get(response.streamId)?.stopped.abort(response.frame);
            break;
          case 'rejected':
            if (!response.streamId) throw refused(response.rejected);
            break;
          case 'closing':
            throw closed(response.closing);
        }
      }
    } finally {
      leaving.removeEventListener('abort', drain);
    }
  }

  /** Says some words, one chunk each. A cancel is confirmed by `finish`; who is superseded says no more. */
  async #answer(asked, stream) {
    const answer = new Answer(asked, stream);
    this.#answers.set(answer.streamId, answer);
    const text = question(asked.invocation);
    console.log(`answering ${JSON.stringify(text)}`);
    const said = `Hello from Node. Events heard: ${this.follower.heard}. You said: ${text}`;
    const { signal } = answer.stopped;
    for (const [i, word] of said.split(/(?<= )/).entries()) {
      await sleep(50, undefined, { signal }).catch(() => {}); // as fast as a model speaks
      if (signal.aborted) break;
      answer.say({ chunk: { index: i + 1, text: word } });
    }
    if (signal.reason !== 'superseded') answer.say({ finish: { cancelled: signal.aborted } });
    await sleep(KEPT_MS, undefined, { ref: false }); // its end may be lost, too
    if (this.#answers.get(answer.streamId) === answer) this.#answers.delete(answer.streamId);
  }
}

/** What was said of an answer, to say it again on the next stream: the server ignores what it has. */
class Answer {
  stopped = new AbortController();
  #frames = [];

  constructor({ streamId, attempt }, stream) {
    Object.assign(this, { streamId, attempt, stream });
  }

  say(frame) {
    const { streamId, attempt, stream } = this;
    this.#frames.push({ streamId, attempt, ...frame });
    if (stream.writable) stream.write(this.#frames.at(-1));
  }

  goOn(stream) {
    this.stream = stream;
    for (const frame of this.#frames) stream.write(frame);
  }
}

/** The text of the last message. */
function question({ messages }) {
  return (messages.at(-1)?.parts ?? []).map((part) => part.text ?? '').join('');
}
