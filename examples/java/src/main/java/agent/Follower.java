package agent;

import com.blackroad.realtime.v1.ChannelServiceGrpc;
import com.blackroad.realtime.v1.ConnectRequest;
import com.blackroad.realtime.v1.ConnectResponse;
import com.blackroad.realtime.v1.Event;
import com.blackroad.realtime.v1.Gap;
import com.blackroad.realtime.v1.GapReason;
import com.blackroad.realtime.v1.Subscribe;
import com.blackroad.realtime.v1.Subscribed;
import io.grpc.ManagedChannel;
import io.grpc.stub.StreamObserver;

/**
 * Prints the events of a pattern. A stream that begins with the newest cursor brings what was
 * missed, or says that something is lost.
 */
final class Follower extends Kept<ConnectRequest, ConnectResponse> {
  private final ChannelServiceGrpc.ChannelServiceStub channels;
  private final String pattern;
  private volatile String cursor; // where it stands; without one it begins with what comes
  private volatile long heard;

  Follower(ManagedChannel channel, String pattern) {
    super(channel, "Connect");
    this.channels = ChannelServiceGrpc.newStub(channel);
    this.pattern = pattern;
  }

  /** How many events it has heard. */
  long heard() {
    return heard;
  }

  @Override
  StreamObserver<ConnectRequest> call() {
    return channels.connect(this);
  }

  @Override
  ConnectRequest first() {
    Subscribe.Builder subscribe = Subscribe.newBuilder().setChannel(pattern);
    if (cursor != null) {
      subscribe.setCursor(cursor);
    }
    return ConnectRequest.newBuilder().setSubscribe(subscribe).build();
  }

  @Override
  void goodbye() {
    cancel();
  }

  @Override
  public void onNext(ConnectResponse response) {
    switch (response.getFrameCase()) {
      case SUBSCRIBED -> subscribed(response.getSubscribed());
      case DELIVERY -> response.getDelivery().getEventsList().forEach(this::hear);
      case CAUGHT_UP -> cursor = response.getCaughtUp().getCursor();
      case BOOKMARK -> cursor = response.getBookmark().getCursor();
      case GAP -> gap(response.getGap());
      case REJECTED -> refused(response.getRejected());
      case CLOSING -> closing(response.getClosing());
      default -> {}
    }
  }

  private void subscribed(Subscribed subscribed) {
    if (!subscribed.hasRecovered()) {
      System.out.printf("following %s%n", pattern);
    } else if (subscribed.getRecovered()) {
      System.out.printf("following %s: recovered, nothing is missing%n", pattern);
    } else {
      lost(subscribed.getGap());
    }
    cursor = subscribed.getCursor();
  }

  private void gap(Gap gap) {
    lost(gap.getReason());
    cursor = gap.getCursor();
  }

  private void lost(GapReason reason) {
    System.out.printf(
        "following %s: events are missing (%s): load the state anew%n", pattern, reason);
  }

  private void hear(Event event) {
    String body = event.hasText() ? event.getText() : event.getJson();
    System.out.printf(
        "%s#%d %s: %s%n", event.getChannel(), event.getOffset(), event.getSender(), body);
    heard++; // frames come one after the other
    cursor = event.getCursor();
  }
}
