// An agent in Node, made from the protos alone.
//
// It serves invocations under the name NODE, follows the pattern `orders.>`, and keeps both through
// lost connections.

import { fileURLToPath } from 'node:url';

import grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

import { Follower } from './follow.js';
import { keep } from './keep.js';
import { Server } from './serve.js';

const protos = fileURLToPath(new URL('../../protos', import.meta.url));
const files = ['channel', 'stream'].map((name) => `blackroad/realtime/v1/${name}.proto`);
const definition = loadSync(files, { includeDirs: [protos], longs: Number, enums: String, oneofs: true });
const { ChannelService, StreamService } = grpc.loadPackageDefinition(definition).blackroad.realtime.v1;

const core = process.env.BLACKROAD_CORE ?? '127.0.0.1:50051';
const credentials = grpc.credentials.createInsecure(); // with TLS: createSsl
const options = {
  // Finds out that the network is gone where nobody says so.
  'grpc.keepalive_time_ms': 20_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.initial_reconnect_backoff_ms': 500,
  'grpc.max_reconnect_backoff_ms': 5_000,
};
const metadata = new grpc.Metadata();
if (process.env.BLACKROAD_TOKEN) {
  metadata.set('authorization', `Bearer ${process.env.BLACKROAD_TOKEN}`);
}

const leaving = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => leaving.abort()); // a second one ends it at once
}

const channels = new ChannelService(core, credentials, options);
const streams = new StreamService(core, credentials, options);
const follower = new Follower('orders.>');
const server = new Server('NODE', follower);
await Promise.all([
  keep('Connect', leaving.signal, () => follower.follow(channels.connect(metadata), leaving.signal)),
  keep('Serve', leaving.signal, () => server.serve(streams.serve(metadata), leaving.signal)),
]);
channels.close();
streams.close();
