/** The feed of this tab: its own, or the one that the tabs of an origin share. */

import { type Ending, idOf } from '../connection.js';
import type { Frame } from '../frames.js';
import { Feed, type FeedHost } from './feed.js';
import type { Want } from './place.js';

export interface FeedHearer {
  onopen(): void;
  ontold(frame: Frame): void;
  onlost(ending: Ending): void;
}

/** What a connection sees of a feed. */
export interface Followed {
  want(wants: readonly Want[]): void;
  close(): void;
}

type Source = Pick<FeedHost, 'url' | 'headers'>;

/** A feed of this tab alone. */
export class OwnFeed implements Followed {
  readonly #feed: Feed;

  constructor(source: Source, hearer: FeedHearer) {
    this.#feed = new Feed({
      ...source,
      tell: (_tab, frame) => hearer.ontold(frame),
      opened: () => hearer.onopen(),
      lost: ending => hearer.onlost(ending),
    });
  }

  want(wants: readonly Want[]): void {
    this.#feed.want('', wants);
  }

  close(): void {
    this.#feed.close();
  }
}

type Message =
  | { readonly kind: 'want'; readonly tab: string; readonly wants: readonly Want[] }
  | { readonly kind: 'tell'; readonly told: readonly (readonly [string, Frame])[] }
  | { readonly kind: 'opened' }
  | { readonly kind: 'bye'; readonly tab: string }
  | { readonly kind: 'lost'; readonly ending: Ending };

export const canShare = (): boolean =>
  typeof BroadcastChannel === 'function' && typeof navigator === 'object' && !!navigator.locks;

/**
 * One tab holds the lock and the stream, and tells the others. When it goes, each of the others ends its
 * connection and comes back with its cursors; whoever has the lock then leads.
 */
export class SharedFeed implements Followed {
  readonly #tab = idOf();
  readonly #channel: BroadcastChannel;
  readonly #stop = new AbortController();
  #release: () => void = () => {};
  readonly #closed = new Promise<void>(resolve => {
    this.#release = resolve;
  });
  #feed: Feed | undefined;
  #leads = false;
  #opened = false;
  #feedOpened = false;
  #wants: readonly Want[] = [];
  #told: [string, Frame][] = [];
  readonly #tabs = new Set<string>();

  constructor(
    private readonly key: string,
    private readonly source: Source,
    private readonly hearer: FeedHearer,
  ) {
    this.#channel = new BroadcastChannel(key);
    this.#channel.onmessage = message => this.#hear(message.data as Message);
    const { signal } = this.#stop;
    const hold = (name: string, then: () => void) =>
      navigator.locks
        .request(name, { signal }, () => {
          then();
          return this.#closed;
        })
        .catch(() => {}); // aborted by `close`
    void hold(`${key} ${this.#tab}`, () => {
      this.#say({ kind: 'want', tab: this.#tab, wants: this.#wants });
      void hold(key, () => this.#lead());
    });
  }

  want(wants: readonly Want[]): void {
    this.#wants = wants;
    if (this.#leads) this.#feed?.want(this.#tab, wants);
    else this.#say({ kind: 'want', tab: this.#tab, wants });
  }

  close(): void {
    if (this.#stop.signal.aborted) return;
    this.#say({ kind: 'bye', tab: this.#tab });
    this.#channel.onmessage = null;
    this.#feed?.close();
    this.#channel.close();
    this.#stop.abort();
    this.#release();
  }

  #say(message: Message): void {
    if (!this.#stop.signal.aborted) this.#channel.postMessage(message);
  }

  #lead(): void {
    if (this.#stop.signal.aborted) return;
    if (this.#opened) {
      this.#lost({ code: 1006, silent: false }); // the one who led is gone
      return;
    }
    this.#leads = true;
    this.#feed = new Feed({
      ...this.source,
      tell: (tab, frame) => this.#tell(tab, frame),
      opened: () => {
        this.#feedOpened = true;
        this.#say({ kind: 'opened' });
        this.#open();
      },
      lost: ending => {
        this.#say({ kind: 'lost', ending });
        this.#lost(ending);
      },
    });
    this.#feed.want(this.#tab, this.#wants);
  }

  #open(): void {
    if (this.#opened) return;
    this.#opened = true;
    this.hearer.onopen();
  }

  #lost(ending: Ending): void {
    this.close();
    this.hearer.onlost(ending);
  }

  /** What comes at once goes in one message, in order. */
  #tell(tab: string, frame: Frame): void {
    if (tab === this.#tab) {
      this.hearer.ontold(frame);
      return;
    }
    if (this.#told.push([tab, frame]) > 1) return;
    queueMicrotask(() => {
      const told = this.#told;
      this.#told = [];
      this.#say({ kind: 'tell', told });
    });
  }

  #hear(message: Message): void {
    if (this.#leads) this.#hearFollower(message);
    else if (message.kind === 'opened') this.#open();
    else if (message.kind === 'lost') this.#lost(message.ending);
    else if (message.kind === 'tell') {
      for (const [tab, frame] of message.told) if (tab === this.#tab) this.hearer.ontold(frame);
    }
  }

  #hearFollower(message: Message): void {
    if (message.kind === 'bye') this.#drop(message.tab);
    if (message.kind !== 'want') return;
    this.#watch(message.tab);
    this.#feed?.want(message.tab, message.wants);
    if (this.#feedOpened) this.#say({ kind: 'opened' });
  }

  /** A tab that is gone without a word frees its lock. */
  #watch(tab: string): void {
    if (this.#tabs.has(tab)) return;
    this.#tabs.add(tab);
    const { signal } = this.#stop;
    void navigator.locks
      .request(`${this.key} ${tab}`, { signal }, () => this.#drop(tab))
      .catch(() => {});
  }

  #drop(tab: string): void {
    this.#tabs.delete(tab);
    this.#feed?.drop(tab);
  }
}
