/** Who is here, as state. */

import { useEffect, useState } from 'react';
import type { Entity } from '../frames.js';
import type { PresenceQuery } from '../presence.js';
import { useRealtime } from './context.js';

/** The occupants of a room, or all entities of a type, as they come and go. */
export function usePresence({ room, entityType }: PresenceQuery = {}): readonly Entity[] {
  const client = useRealtime();
  const [entities, setEntities] = useState<readonly Entity[]>([]);
  useEffect(() => {
    const store = client.presence({ room, entityType });
    store.on('change', setEntities);
    return () => store.close();
  }, [client, room, entityType]);
  return entities;
}
