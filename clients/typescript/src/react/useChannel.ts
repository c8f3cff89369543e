/** A channel's events as state. */

import { useCallback, useEffect, useState } from 'react';
import type { RealtimeError } from '../errors.js';
import type { Json, Published, RealtimeEvent } from '../frames.js';
import type { PublishOptions } from '../publication.js';
import { useRealtime } from './context.js';

export interface ChannelOptions {
  /** Begin with the last N events. */
  readonly history?: number;
  /** How many events are kept; the oldest go. 200 by default. */
  readonly keep?: number;
}

export interface ChannelState<T> {
  readonly events: readonly RealtimeEvent<T>[];
  readonly status: 'joining' | 'live' | 'ended';
  /** Why it ended. */
  readonly error: RealtimeError | undefined;
  /** How often events were lost for good. */
  readonly gaps: number;
  readonly publish: (content: Json | Uint8Array, options?: PublishOptions) => Promise<Published>;
}

const NOTHING = { events: [], status: 'joining', error: undefined, gaps: 0 } as const;

/** Follow a room or pattern while the component is shown. Nothing happens while it is rendered on a server. */
export function useChannel<T = Json>(room: string, options: ChannelOptions = {}): ChannelState<T> {
  const client = useRealtime();
  const { history, keep = 200 } = options;
  const [state, setState] = useState<Omit<ChannelState<T>, 'publish'>>(NOTHING);
  useEffect(() => {
    setState(NOTHING);
    let batch: RealtimeEvent<T>[] = [];
    let alive = true;
    const subscription = client.subscribe<T>(room, { history });
    const flush = () => {
      const fresh = batch;
      batch = [];
      if (alive) setState(now => ({ ...now, events: [...now.events, ...fresh].slice(-keep) }));
    };
    subscription.on('event', event => {
      if (batch.push(event) === 1) queueMicrotask(flush);
    });
    const live = () => setState(now => ({ ...now, status: 'live' }));
    subscription.on('caught_up', live);
    subscription.ready.then(
      () => alive && live(),
      () => {},
    );
    subscription.on('gap', () => setState(now => ({ ...now, gaps: now.gaps + 1 })));
    subscription.on(
      'ended',
      error => alive && setState(now => ({ ...now, status: 'ended', error })),
    );
    return () => {
      alive = false;
      subscription.close();
    };
  }, [client, room, history, keep]);
  const publish = useCallback(
    (content: Json | Uint8Array, how?: PublishOptions) => client.publish(room, content, how),
    [client, room],
  );
  return { ...state, publish };
}
