package agent;

import static java.util.concurrent.TimeUnit.MILLISECONDS;

import com.blackroad.realtime.v1.Closing;
import com.blackroad.realtime.v1.Rejected;
import com.google.protobuf.Duration;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.util.EnumSet;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ThreadLocalRandom;

/** A stream that is kept: opened again, with full jitter in between, until waiting cannot help. */
abstract class Kept<Q, R> implements StreamObserver<R> {
  private static final long LEAST_MILLIS = 500;
  private static final long MOST_MILLIS = 20_000;
  private static final Set<Status.Code> FINAL =
      EnumSet.of(Status.Code.UNAUTHENTICATED, Status.Code.PERMISSION_DENIED, Status.Code.INVALID_ARGUMENT);

  private final ScheduledExecutorService clock = Executors.newSingleThreadScheduledExecutor();
  private final CountDownLatch ended = new CountDownLatch(1);
  private final ManagedChannel channel;
  private final String rpc;

  private ClientCallStreamObserver<Q> requests; // null between two streams
  private Status refusal;
  private boolean leaving;
  private long began;
  private long ceiling = LEAST_MILLIS;
  private long retryAfter;

  Kept(ManagedChannel channel, String rpc) {
    this.channel = channel;
    this.rpc = rpc;
  }

  /** Makes the call. */
  abstract StreamObserver<Q> call();

  /** The frame that the stream begins with. */
  abstract Q first();

  /** Begins the end of the stream that stands. */
  abstract void goodbye();

  /** The stream is gone. */
  void gone() {}

  final synchronized void open() {
    if (leaving) {
      return;
    }
    began = System.currentTimeMillis();
    refusal = null;
    retryAfter = 0;
    channel.resetConnectBackoff(); // the pauses are ours
    requests = (ClientCallStreamObserver<Q>) call();
    send(first());
  }

  /** Sends a frame, or nothing where the stream is gone. */
  final synchronized void send(Q frame) {
    if (requests != null) {
      requests.onNext(frame);
    }
  }

  final synchronized void cancel() {
    if (requests != null) {
      requests.cancel("no more is wanted", null);
    }
  }

  final synchronized void leave() {
    leaving = true;
    if (requests == null) {
      end();
    } else {
      goodbye();
    }
  }

  final void awaitEnd() {
    try {
      ended.await();
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /** The server rejected what we cannot do without. */
  final synchronized void refused(Rejected rejected) {
    Status status = rejected.getRetryable() ? Status.UNAVAILABLE : Status.INVALID_ARGUMENT;
    refusal = status.withDescription(rejected.getCode() + ": " + rejected.getMessage());
    cancel();
  }

  /** The server closes the stream: its next frame is the last. */
  final synchronized void closing(Closing closing) {
    Duration after = closing.getRetryAfter();
    retryAfter = after.getSeconds() * 1000 + after.getNanos() / 1_000_000;
  }

  @Override
  public final void onCompleted() {
    lost(Status.UNAVAILABLE.withDescription("the server ended the stream"));
  }

  @Override
  public final void onError(Throwable error) {
    lost(Status.fromThrowable(error));
  }

  private synchronized void lost(Status status) {
    requests = null;
    gone();
    Status reason = refusal == null ? status : refusal;
    if (leaving) {
      end();
    } else if (FINAL.contains(reason.getCode())) {
      System.err.printf("%s: %s%n", rpc, reason.getDescription());
      end();
      new Thread(() -> System.exit(1)).start();
    } else {
      again(reason);
    }
  }

  private void again(Status reason) {
    if (System.currentTimeMillis() - began > MOST_MILLIS) {
      ceiling = LEAST_MILLIS; // it had worked
    }
    long pause = retryAfter + ThreadLocalRandom.current().nextLong(ceiling);
    System.out.printf("%s lost: %s; again in %d ms%n", rpc, reason.getDescription(), pause);
    clock.schedule(this::open, pause, MILLISECONDS);
    ceiling = Math.min(2 * ceiling, MOST_MILLIS);
  }

  private void end() {
    clock.shutdownNow();
    ended.countDown();
  }
}
