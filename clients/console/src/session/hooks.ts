/** How a view follows what changes. */

import type { RealtimeClient, State } from '@blackroad/realtime';
import { createContext } from 'preact';
import { useContext, useEffect, useRef, useState } from 'preact/hooks';
import type { Desk } from './desk.js';

export const DeskContext = createContext<Desk | undefined>(undefined);

export function useDesk(): Desk {
  const desk = useContext(DeskContext);
  if (!desk) throw new Error('there is no desk around this view');
  return desk;
}

export function useConnection(client: RealtimeClient): State {
  const [state, setState] = useState(client.state);
  useEffect(() => {
    setState(client.state);
    return client.on('state', setState);
  }, [client]);
  return state;
}

export interface Polled<T> {
  readonly data: T | undefined;
  readonly error: Error | undefined;
  /** Read it now. */
  refresh(): void;
}

/**
 * Read something again and again while the page is seen and connected: a page in the background, or one whose
 * edge is away, asks nothing. What was read stays when reading fails.
 */
export function usePolled<T>(
  read: () => Promise<T>,
  seconds: number,
  on: readonly unknown[] = [],
): Polled<T> {
  const { client } = useDesk();
  const connected = useConnection(client) === 'open';
  const [data, setData] = useState<T>();
  const [error, setError] = useState<Error>();
  const now = useRef<() => void>(() => undefined);
  useEffect(() => {
    if (!connected) return undefined;
    let over = false;
    let timer: ReturnType<typeof setTimeout>;
    const turn = async () => {
      clearTimeout(timer);
      if (document.visibilityState === 'visible') {
        try {
          const found = await read();
          if (over) return;
          setData(found);
          setError(undefined);
        } catch (failure) {
          if (!over) setError(failure as Error);
        }
      }
      clearTimeout(timer);
      if (!over) timer = setTimeout(() => void turn(), seconds * 1000);
    };
    const seen = () => document.visibilityState === 'visible' && void turn();
    now.current = () => void turn();
    document.addEventListener('visibilitychange', seen);
    void turn();
    return () => {
      over = true;
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', seen);
    };
  }, [connected, seconds, ...on]);
  return { data, error, refresh: () => now.current() };
}
