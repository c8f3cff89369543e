// Follows a pattern, and goes on where it stood.

import { closed, refused } from './keep.js';

export class Follower {
  /** How many events it has heard. */
  heard = 0;

  /** Where it stands; without a cursor it begins with what comes. */
  #cursor;
  #pattern;

  constructor(pattern) {
    this.#pattern = pattern;
  }

  /**
   * Prints events until the stream ends. A stream that begins with the newest cursor brings what
   * was missed, or says that something is lost.
   */
  async follow(stream, leaving) {
    const hangUp = () => stream.cancel();
    leaving.addEventListener('abort', hangUp);
    stream.write({ subscribe: { channel: this.#pattern, cursor: this.#cursor } });
    try {
      for await (const response of stream) {
        if (response.frame === 'rejected') throw refused(response.rejected);
        if (response.frame === 'closing') throw closed(response.closing);
        this.#take(response);
      }
    } finally {
      leaving.removeEventListener('abort', hangUp);
    }
  }

  #take({ frame, subscribed, delivery, gap, ...rest }) {
    switch (frame) {
      case 'subscribed':
        console.log(`following ${this.#pattern}${outcome(subscribed)}`);
        this.#cursor = subscribed.cursor;
        break;
      case 'delivery':
        for (const event of delivery.events) this.#hear(event);
        break;
      case 'gap':
        console.log(`following ${this.#pattern}${outcome({ recovered: false, gap: gap.reason })}`);
        this.#cursor = gap.cursor;
        break;
      case 'caughtUp':
      case 'bookmark':
        this.#cursor = rest[frame].cursor;
        break;
    }
  }

  #hear({ channel, offset, sender, cursor, ...event }) {
    console.log(`${channel}#${offset} ${sender}: ${event[event.body]}`);
    this.heard += 1;
    this.#cursor = cursor;
  }
}

function outcome({ recovered, gap }) {
  if (recovered === undefined) return '';
  return recovered ? ': recovered, nothing is missing' : `: events are missing (${gap}): load the state anew`;
}
