package agent;

import static java.util.concurrent.TimeUnit.MILLISECONDS;

import com.blackroad.realtime.v1.Chunk;
import com.blackroad.realtime.v1.FinishInvocation;
import com.blackroad.realtime.v1.ServeRequest;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;

/**
 * Says some words, one chunk each. A cancel is confirmed by FinishInvocation; where the stream is
 * lost or another worker has taken over, nothing more is said.
 */
final class Answer implements Runnable {
  private final CompletableFuture<Boolean> stopped = new CompletableFuture<>();
  private final List<String> words;
  private final ServeRequest.Builder frame;
  private final Consumer<ServeRequest> send;

  Answer(List<String> words, ServeRequest.Builder frame, Consumer<ServeRequest> send) {
    this.words = words;
    this.frame = frame;
    this.send = send;
  }

  /** Stops it; {@code confirm} says whether a viewer has cancelled it and is to hear so. */
  void stop(boolean confirm) {
    stopped.complete(confirm);
  }

  @Override
  public void run() {
    int index = 0;
    for (String word : words) {
      if (pause()) {
        break;
      }
      send.accept(frame.setChunk(Chunk.newBuilder().setIndex(++index).setText(word)).build());
    }
    if (stopped.getNow(true)) {
      FinishInvocation.Builder finish = FinishInvocation.newBuilder().setCancelled(stopped.isDone());
      send.accept(frame.setFinish(finish).build());
    }
  }

  /** Waits as long as a model for a word; returns whether it was stopped meanwhile. */
  private boolean pause() {
    try {
      stopped.get(50, MILLISECONDS);
      return true;
    } catch (TimeoutException goesOn) {
      return false;
    } catch (InterruptedException | ExecutionException stop) {
      return true;
    }
  }
}
