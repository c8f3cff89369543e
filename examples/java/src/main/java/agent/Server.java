package agent;

import com.blackroad.realtime.v1.Drain;
import com.blackroad.realtime.v1.Invocation;
import com.blackroad.realtime.v1.Message;
import com.blackroad.realtime.v1.MessagePart;
import com.blackroad.realtime.v1.Register;
import com.blackroad.realtime.v1.ServeRequest;
import com.blackroad.realtime.v1.ServeResponse;
import com.blackroad.realtime.v1.StreamServiceGrpc;
import io.grpc.ManagedChannel;
import io.grpc.stub.StreamObserver;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;

/**
 * Takes invocations, 8 at a time. When it leaves it takes no more, finishes what it has, and the
 * server ends the stream.
 */
final class Server extends Kept<ServeRequest, ServeResponse> {
  private final StreamServiceGrpc.StreamServiceStub streams;
  private final Map<String, Answer> running = new ConcurrentHashMap<>();
  private final String name;
  private final LongSupplier heard;

  Server(ManagedChannel channel, String name, LongSupplier heard) {
    super(channel, "Serve");
    this.streams = StreamServiceGrpc.newStub(channel);
    this.name = name;
    this.heard = heard;
  }

  @Override
  StreamObserver<ServeRequest> call() {
    return streams.serve(this);
  }

  @Override
  ServeRequest first() {
    Register register =
        Register.newBuilder().setAgent(name).addCapabilities("greeting").setMaxConcurrency(8).build();
    return ServeRequest.newBuilder().setRegister(register).build();
  }

  @Override
  void goodbye() {
    send(ServeRequest.newBuilder().setDrain(Drain.getDefaultInstance()).build());
  }

  @Override
  void gone() {
    running.values().forEach(answer -> answer.stop(false));
  }

  @Override
  public void onNext(ServeResponse response) {
    switch (response.getFrameCase()) {
      case REGISTERED ->
          System.out.printf("serving %s%n", String.join(", ", response.getRegistered().getServesList()));
      case INVOCATION -> answer(response);
      case CANCEL -> stop(response.getStreamId(), true);
      case SUPERSEDED -> stop(response.getStreamId(), false);
      case CLOSING -> closing(response.getClosing());
      case REJECTED -> {
        if (response.getStreamId().isEmpty()) {
          refused(response.getRejected());
        }
      }
      default -> {}
    }
  }

  private void answer(ServeResponse asked) {
    String text = question(asked.getInvocation());
    System.out.printf("answering \"%s\"%n", text);
    String said = "Hello from Java. Events heard: %d. You said: %s".formatted(heard.getAsLong(), text);
    ServeRequest.Builder frame =
        ServeRequest.newBuilder().setStreamId(asked.getStreamId()).setAttempt(asked.getAttempt());
    Answer answer = new Answer(List.of(said.split("(?<= )")), frame, this::send);
    running.put(asked.getStreamId(), answer);
    Thread thread = new Thread(() -> {
      answer.run();
      running.remove(asked.getStreamId(), answer);
    });
    thread.start();
  }

  private void stop(String streamId, boolean confirm) {
    Answer answer = running.get(streamId);
    if (answer != null) {
      answer.stop(confirm);
    }
  }

  /** The text of the last message. */
  private static String question(Invocation invocation) {
    int turns = invocation.getMessagesCount();
    Message last = turns == 0 ? Message.getDefaultInstance() : invocation.getMessages(turns - 1);
    return last.getPartsList().stream().map(MessagePart::getText).collect(Collectors.joining());
  }
}
