/** Who is here: agents with their load and what they can do, then people and services. */

import type { Entity, EntityType } from '@blackroad/realtime';
import { useEffect, useState } from 'preact/hooks';
import type { Page } from '../session/desk.js';
import { sessionsOf, type Stream } from '../session/documents.js';
import { linkTo } from '../session/route.js';
import { useDesk, usePolled } from '../session/hooks.js';
import { icons } from '../ui/icons.js';
import { Empty, Head, Meter, Status, Trouble } from '../ui/pieces.js';
import { count, since } from '../ui/words.js';

const LOAD_SECONDS = 2;
const WORKING = ['running', 'waiting'];

interface Here {
  readonly all: readonly Entity[] | undefined;
  readonly error: Error | undefined;
}

/** Who of a kind is here, as it changes. */
function usePresence(entityType: EntityType): Here {
  const { client } = useDesk();
  const [all, setAll] = useState<readonly Entity[]>();
  const [error, setError] = useState<Error>();
  useEffect(() => {
    const store = client.presence({ entityType });
    void store.ready.then(() => setAll(store.current));
    store.on('change', setAll);
    store.on('error', setError);
    return () => store.close();
  }, [client, entityType]);
  return { all: all?.filter(each => each.status !== 'offline'), error };
}

/**
 * How many answers each agent gives now. Presence tells of an agent's load only what changes its status, so that
 * an answer costs no event: what lies between is counted from the answers themselves.
 */
function useLoads(): ReadonlyMap<string, number> {
  const desk = useDesk();
  const { data } = usePolled(async () => {
    const read = (status: string) =>
      desk.get<Page<Stream>>(`/v1/streams?page_size=500&status=${status}`);
    return (await Promise.all(WORKING.map(read))).flatMap(page => page.items);
  }, LOAD_SECONDS);
  const loads = new Map<string, number>();
  for (const { agent } of data ?? []) if (agent) loads.set(agent, (loads.get(agent) ?? 0) + 1);
  return loads;
}

export function Agents() {
  const { all: agents, error } = usePresence('agent');
  const users = usePresence('user');
  const services = usePresence('service');
  const loads = useLoads();
  const others = [...(users.all ?? []), ...(services.all ?? [])];
  return (
    <div class="view">
      <Head title="Agents">
        <p class="sum" role="status">
          {agents ? `${count(agents.length)} here` : ''}
        </p>
      </Head>
      {error && <Trouble error={error} />}
      {agents?.length === 0 && (
        <Empty>
          No agent is here. <code>blackroad agents</code> starts five,{' '}
          <code>blackroad run agent.py</code> one of your own.
        </Empty>
      )}
      <ul class="cards">
        {agents?.map(each => (
          <Card key={each.entity_id} entity={each} load={loads.get(each.entity_id) ?? 0} />
        ))}
      </ul>
      {others.length > 0 && <Others others={others} />}
    </div>
  );
}

function Card({ entity, load }: { entity: Entity; load: number }) {
  const sessions = sessionsOf(entity);
  const sum = (field: 'active' | 'max_concurrency') =>
    sessions.reduce((all, each) => all + (each[field] ?? 0), 0);
  const active = Math.max(load, sum('active'));
  const most = sum('max_concurrency');
  const capabilities = [...new Set(sessions.flatMap(each => each.capabilities ?? []))].sort();
  const nodes = [...new Set(sessions.map(each => each.node).filter(Boolean))];
  return (
    <li class="card agent">
      <div class="top">
        <h2>{entity.entity_id}</h2>
        <Status word={entity.status} />
      </div>
      <ul class="chips" aria-label="Capabilities">
        {capabilities.map(each => (
          <li key={each}>{each}</li>
        ))}
      </ul>
      <div class="load">
        <p>
          <b>{count(active)}</b> of {count(most)} in progress
        </p>
        <Meter label={`Load of ${entity.entity_id}`} value={active} most={most} />
      </div>
      <p class="small">
        {sessions.length === 1 ? 'one instance' : `${sessions.length} instances`} on{' '}
        {nodes.join(', ')}, here for {since(sessions[0]?.connected_at)}
      </p>
      <a
        class="button"
        href={linkTo('chat', entity.entity_id)}
        aria-label={`Chat with ${entity.entity_id}`}
      >
        <icons.chat />
        Chat
      </a>
    </li>
  );
}

function Others({ others }: { others: readonly Entity[] }) {
  return (
    <section>
      <h2>People and services</h2>
      <div class="scroll" tabIndex={0} role="region" aria-label="People and services">
        <table>
          <thead>
            <tr>
              <th scope="col">Name</th>
              <th scope="col">Kind</th>
              <th scope="col">Status</th>
              <th scope="col" class="number">
                Sessions
              </th>
              <th scope="col">Here for</th>
            </tr>
          </thead>
          <tbody>
            {others.map(each => (
              <tr key={`${each.entity_type}/${each.entity_id}`}>
                <th scope="row">{each.entity_id}</th>
                <td>{each.entity_type}</td>
                <td>
                  <Status word={each.status} />
                </td>
                <td class="number">{count(each.sessions.length)}</td>
                <td>{since(sessionsOf(each)[0]?.connected_at)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
