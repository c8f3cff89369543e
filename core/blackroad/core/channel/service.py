"""The gRPC door of channels: ChannelService."""

from collections.abc import AsyncIterator

import grpc

from blackroad.core.channel.connect import ConnectSession
from blackroad.core.door.caller import identify
from blackroad.core.node import Node
from blackroad.realtime.v1 import channel_pb2, channel_pb2_grpc


class ChannelServicer(channel_pb2_grpc.ChannelServiceServicer):
    """Finds out who calls, and lets the domain answer."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._calls = node.channels

    async def Connect(  # type: ignore[override]  # grpc.aio takes a coroutine that writes itself, too
        self,
        request_iterator: AsyncIterator[channel_pb2.ConnectRequest],
        context: "grpc.aio.ServicerContext[channel_pb2.ConnectRequest, bytes]",
    ) -> None:
        """Serve one session."""
        node = self._node
        session = ConnectSession(
            identify(context),
            context,
            node.parts,
            node.groups,
            node.publisher,
            node.ticker,
            node=node.name,
            development=node.development,
            connected_ns=node.clock.time_ns(),
            renew=node.renew,
        )
        with node.present(session):
            await session.run(request_iterator)

    async def CreateChannel(
        self, request: channel_pb2.CreateChannelRequest, context: object
    ) -> channel_pb2.CreateChannelResponse:
        """Make a channel."""
        return await self._calls.create_channel(identify(context), request)

    async def GetChannel(
        self, request: channel_pb2.GetChannelRequest, context: object
    ) -> channel_pb2.GetChannelResponse:
        """Read a channel."""
        return await self._calls.get_channel(identify(context), request)

    async def ListChannels(
        self, request: channel_pb2.ListChannelsRequest, context: object
    ) -> channel_pb2.ListChannelsResponse:
        """List channels."""
        return await self._calls.list_channels(identify(context), request)

    async def UpdateChannel(
        self, request: channel_pb2.UpdateChannelRequest, context: object
    ) -> channel_pb2.UpdateChannelResponse:
        """Change a channel."""
        return await self._calls.update_channel(identify(context), request)

    async def DeleteChannel(
        self, request: channel_pb2.DeleteChannelRequest, context: object
    ) -> channel_pb2.DeleteChannelResponse:
        """Delete a channel."""
        return await self._calls.delete_channel(identify(context), request)

    async def AddMember(
        self, request: channel_pb2.AddMemberRequest, context: object
    ) -> channel_pb2.AddMemberResponse:
        """Add a member."""
        return await self._calls.add_member(identify(context), request)

    async def RemoveMember(
        self, request: channel_pb2.RemoveMemberRequest, context: object
    ) -> channel_pb2.RemoveMemberResponse:
        """Remove a member."""
        return await self._calls.remove_member(identify(context), request)

    async def ListMembers(
        self, request: channel_pb2.ListMembersRequest, context: object
    ) -> channel_pb2.ListMembersResponse:
        """List members."""
        return await self._calls.list_members(identify(context), request)

    async def CreateInvitation(
        self, request: channel_pb2.CreateInvitationRequest, context: object
    ) -> channel_pb2.CreateInvitationResponse:
        """Make an invitation."""
        return await self._calls.create_invitation(identify(context), request)

    async def AcceptInvitation(
        self, request: channel_pb2.AcceptInvitationRequest, context: object
    ) -> channel_pb2.AcceptInvitationResponse:
        """Become a member."""
        return await self._calls.accept_invitation(identify(context), request)

    async def ListEvents(
        self, request: channel_pb2.ListEventsRequest, context: object
    ) -> channel_pb2.ListEventsResponse:
        """Read the history."""
        return await self._calls.list_events(identify(context), request)

    async def Publish(
        self, request: channel_pb2.PublishRequest, context: object
    ) -> channel_pb2.PublishResponse:
        """Append events."""
        return await self._node.publisher.publish(identify(context), "", request)
