/** React hooks: a channel, who is here, an agent's answer, and the connection. */

export { RealtimeProvider, useRealtime } from './context.js';
export { type AgentStream, useAgentStream } from './useAgentStream.js';
export { type ChannelOptions, type ChannelState, useChannel } from './useChannel.js';
export { useConnection } from './useConnection.js';
export { usePresence } from './usePresence.js';
