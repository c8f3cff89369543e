/** The client that the hooks below use. */

import { createContext, createElement, type ReactNode, useContext } from 'react';
import type { RealtimeClient } from '../client.js';

const Context = createContext<RealtimeClient | undefined>(undefined);

/** Give the hooks a client. Make it once, outside of components; it connects when a hook first needs it. */
export function RealtimeProvider(props: {
  client: RealtimeClient;
  children?: ReactNode;
}): ReactNode {
  return createElement(Context.Provider, { value: props.client }, props.children);
}

export function useRealtime(): RealtimeClient {
  const client = useContext(Context);
  if (!client) throw new Error('put a <RealtimeProvider client={client}> around this component');
  return client;
}
