// Serves invocations: takes them, answers them word by word, and stops where it is asked to.

import { setTimeout as sleep } from 'node:timers/promises';

import { closed, refused } from './keep.js';

/**
 * Takes invocations until the stream ends, 8 at a time. When `leaving` is aborted it takes no more,
 * finishes what it has, and the server ends the stream.
 */
export async function serve(name, stream, leaving, follower) {
  const running = new Map(); // stream_id: AbortController
  const drain = () => stream.write({ drain: {} });
  leaving.addEventListener('abort', drain);
  stream.write({ register: { agent: name, capabilities: ['greeting'], maxConcurrency: 8 } });
  try {
    for await (const response of stream) {
      const { frame, streamId } = response;
      switch (frame) {
        case 'registered':
          console.log(`serving ${response.registered.serves.join(', ')}`);
          break;
        case 'invocation': {
          const controller = new AbortController();
          running.set(streamId, controller);
          answer(response, stream, controller.signal, follower).finally(() => running.delete(streamId));
          break;
        }
        case 'cancel':
        case 'superseded':
          running.get(streamId)?.abort(frame);
          break;
        case 'rejected':
          if (!streamId) throw refused(response.rejected);
          break;
        case 'closing':
          throw closed(response.closing);
      }
    }
  } finally {
    leaving.removeEventListener('abort', drain);
    for (const controller of running.values()) controller.abort('lost');
  }
}

/**
 * Says some words, one chunk each. A cancel is confirmed by `finish`; where the stream is lost or
 * another worker has taken over, nothing more is said.
 */
async function answer({ streamId, attempt, invocation }, stream, stopped, { heard }) {
  const text = question(invocation);
  console.log(`answering ${JSON.stringify(text)}`);
  const words = `Hello from Node. Events heard: ${heard}. You said: ${text}`.split(/(?<= )/);
  for (const [i, word] of words.entries()) {
    await sleep(50, undefined, { signal: stopped }).catch(() => {}); // as fast as a model speaks
    if (stopped.aborted) break;
    stream.write({ streamId, attempt, chunk: { index: i + 1, text: word } });
  }
  if (!stopped.aborted || stopped.reason === 'cancel') {
    stream.write({ streamId, attempt, finish: { cancelled: stopped.aborted } });
  }
}

/** The text of the last message. */
function question({ messages }) {
  return (messages.at(-1)?.parts ?? []).map((part) => part.text ?? '').join('');
}
