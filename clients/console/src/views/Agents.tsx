/** Who is here: agents with their load and what they can do, then people and services. */

import type { Entity, EntityType } from '@blackroad/realtime';
import { useEffect, useState } from 'preact/hooks';
import { answersIn } from '../session/answers.js';
import { sessionsOf } from '../session/documents.js';
import { linkTo } from '../session/route.js';
import { useDesk, usePolled } from '../session/hooks.js';
import { icons } from '../ui/icons.js';
import { Empty, Head, Meter, Status, Trouble } from '../ui/pieces.js';
import { Search, SHOWN, sought } from '../ui/Search.js';
import { count, since } from '../ui/words.js';

const LOAD_SECONDS = 2;
const WORKING = ['running', 'waiting'];
/** So many are found without a search. */
const FEW = 12;

interface Here {
  readonly all: readonly Entity[] | undefined;
  readonly error: Error | undefined;
  readonly ready: boolean;
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
  const ready = all !== undefined;
  return { all: all?.filter(each => each.status !== 'offline'), error, ready };
}

/**
 * How many answers each agent gives now. Presence tells of an agent's load only what changes its status, so that
 * an answer costs no event: what lies between is counted from the answers themselves.
 */
function useLoads(): ReadonlyMap<string, number> {
  const desk = useDesk();
  const { data } = usePolled(() => answersIn(desk, WORKING), LOAD_SECONDS);
  const loads = new Map<string, number>();
  for (const { agent } of data ?? []) if (agent) loads.set(agent, (loads.get(agent) ?? 0) + 1);
  return loads;
}

/** What a search looks through. */
const wordsOf = (entity: Entity): string =>
  [
    entity.entity_id,
    entity.entity_type,
    entity.status,
    ...sessionsOf(entity).flatMap(each => [each.node ?? '', ...(each.capabilities ?? [])]),
  ].join(' ');

export function Agents() {
  const { all: agents = [], error, ready } = usePresence('agent');
  const users = usePresence('user');
  const services = usePresence('service');
  const loads = useLoads();
  const [search, setSearch] = useState('');
  const fits = sought(search);
  const find = (all: readonly Entity[] = []) => all.filter(each => fits(wordsOf(each)));
  const found = find(agents);
  const others = [...find(users.all), ...find(services.all)];
  const many = agents.length + (users.all?.length ?? 0) + (services.all?.length ?? 0) > FEW;
  return (
    <div class="view">
      <Head title="Agents">
        <div class="tools">
          {many && <Search what="who is here" value={search} onSearch={setSearch} />}
          <p class="sum" role="status">
            {ready && `${found.length < agents.length ? `${count(found.length)} of ` : ''}${count(agents.length)} here`}
          </p>
        </div>
      </Head>
      {error && <Trouble error={error} />}
      {ready && agents.length === 0 && (
        <Empty>
          No agent is here. <code>blackroad agents</code> starts five,{' '}
          <code>blackroad run agent.py</code> one of your own.
        </Empty>
      )}
      {search && found.length + others.length === 0 && <Empty>Nobody here fits.</Empty>}
      <ul class="cards">
        {found.slice(0, SHOWN).map(each => (
          <Card key={each.entity_id} entity={each} load={loads.get(each.entity_id) ?? 0} />
        ))}
      </ul>
      <Rest of={found.length} />
      {others.length > 0 && <Others others={others.slice(0, SHOWN)} />}
      <Rest of={others.length} />
    </div>
  );
}

const Rest = ({ of }: { of: number }) =>
  of > SHOWN ? (
    <p class="note">
      {SHOWN} of {count(of)}. Search to see others.
    </p>
  ) : null;

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
