/** The channels there are, and how much goes through each. */

import { matches } from '@blackroad/realtime';
import { useRef, useState } from 'preact/hooks';
import { Flows } from '../channels/flows.js';
import type { Channel } from '../session/documents.js';
import type { Page } from '../session/desk.js';
import { linkTo } from '../session/route.js';
import { useDesk, usePolled } from '../session/hooks.js';
import { Pages } from '../session/pages.js';
import { isPattern } from '../tap/pattern.js';
import { Empty, Head, Spark, Trouble } from '../ui/pieces.js';
import { Search, SHOWN, sought } from '../ui/Search.js';
import { count, rate } from '../ui/words.js';

const SECONDS = 2;
const LONG_SECONDS = 1;

type Order = 'name' | 'rate';

/** All channels as they were read last; each turn is a new array. */
function useChannels(flows: Flows) {
  const desk = useDesk();
  const [pages] = useState(
    () =>
      new Pages(
        token =>
          desk.get<Page<Channel>>(
            `/v1/channels?page_size=500&page_token=${encodeURIComponent(token)}`,
          ),
        ({ name }) => name,
        read => flows.take(read),
      ),
  );
  const { data, error } = usePolled(() => pages.turn(), pages.long ? LONG_SECONDS : SECONDS);
  return { channels: data, error, cut: pages.cut };
}

export function Channels() {
  const flows = useRef(new Flows()).current;
  const [search, setSearch] = useState('');
  const [order, setOrder] = useState<Order>('name');
  const { channels, error, cut } = useChannels(flows);
  const wanted = search.trim();
  const fits = isPattern(wanted) ? (name: string) => matches(wanted, name) : sought(wanted);
  const found = channels?.filter(each => fits(each.name)) ?? [];
  const all = found.reduce((sum, each) => sum + flows.rate(each.name), 0);
  if (order === 'rate') found.sort((a, b) => flows.rate(b.name) - flows.rate(a.name));
  return (
    <div class="view">
      <Head title="Channels">
        <div class="tools">
          <Search what="channels" value={search} onSearch={setSearch} />
          <span class="rate">
            <b>{rate(all)}</b>/s
          </span>
        </div>
      </Head>
      {error && <Trouble error={error} />}
      {channels && found.length === 0 && (
        <Empty>
          {wanted
            ? 'No channel has such a name.'
            : 'There is no channel yet: one begins with its first event.'}
        </Empty>
      )}
      {found.length > 0 && (
        <Table
          channels={found.slice(0, SHOWN)}
          flows={flows}
          order={order}
          onOrder={() => setOrder(order === 'rate' ? 'name' : 'rate')}
        />
      )}
      {found.length > SHOWN && (
        <p class="note">
          {SHOWN} of {count(found.length)}. Search for words, or by a pattern such as{' '}
          <code>task.*.progress</code>, to see others.
        </p>
      )}
      {cut && <p class="note">There are more channels than are read here.</p>}
    </div>
  );
}

interface TableProps {
  channels: readonly Channel[];
  flows: Flows;
  order: Order;
  onOrder: () => void;
}

function Table({ channels, flows, order, onOrder }: TableProps) {
  const busiest = order === 'rate';
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Channels">
      <table>
        <thead>
          <tr>
            <th scope="col" aria-sort={busiest ? undefined : 'ascending'}>
              Channel
            </th>
            <th scope="col" class="number" aria-sort={busiest ? 'descending' : undefined}>
              <button
                type="button"
                class="sort"
                aria-pressed={busiest}
                title="The busiest first"
                onClick={onOrder}
              >
                Events/s
              </button>
            </th>
            <th scope="col">Last minute</th>
            <th scope="col" class="number more">
              Events
            </th>
            <th scope="col" class="number more">
              Here
            </th>
            <th scope="col" class="more">
              Policy
            </th>
          </tr>
        </thead>
        <tbody>
          {channels.map(each => (
            <Row key={each.name} channel={each} flows={flows} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row({ channel, flows }: { channel: Channel; flows: Flows }) {
  const { name, policy } = channel;
  const words = [
    policy.access,
    policy.presence && 'presence',
    policy.publishers !== 'anyone' && `publishers: ${policy.publishers}`,
  ];
  return (
    <tr>
      <th scope="row">
        <a class="mono" href={linkTo('tap', name)}>
          {name}
        </a>
      </th>
      <td class="number">{rate(flows.rate(name))}</td>
      <td>
        <Spark values={flows.of(name)} />
      </td>
      <td class="number more">{count(channel.last_offset)}</td>
      <td class="number more">{policy.presence ? count(channel.member_count) : '–'}</td>
      <td class="quiet more">{words.filter(Boolean).join(', ')}</td>
    </tr>
  );
}
