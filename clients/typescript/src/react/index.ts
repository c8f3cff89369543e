/** React hooks: a channel, who is here, and an agent's answer. */

export { RealtimeProvider, useRealtime } from './context.js';
export { type AgentStream, useAgentStream } from './useAgentStream.js';
export { type ChannelOptions, type ChannelState, useChannel } from './useChannel.js';
export { usePresence } from './usePresence.js';
