/** The connection's state, for a light that says `offline`. */

import { useCallback, useSyncExternalStore } from 'react';
import type { State } from '../session.js';
import { useRealtime } from './context.js';

/** `idle` until something needs the server, then `connecting`, `open`, `waiting` between attempts, `closed`. */
export function useConnection(): State {
  const client = useRealtime();
  const listen = useCallback((changed: () => void) => client.on('state', changed), [client]);
  return useSyncExternalStore(
    listen,
    () => client.state,
    () => 'idle',
  );
}
