package agent;

import static java.util.concurrent.TimeUnit.SECONDS;

import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.stub.MetadataUtils;
import java.util.List;

/**
 * An agent in Java, made from the protos alone. It serves invocations under the name JAVA, follows
 * the pattern {@code orders.>}, and keeps both through lost connections.
 */
public final class Agent {
  private Agent() {}

  public static void main(String[] arguments) {
    String core = System.getenv().getOrDefault("BLACKROAD_CORE", "127.0.0.1:50051");
    ManagedChannel channel =
        Grpc.newChannelBuilder(core, InsecureChannelCredentials.create()) // or TlsChannelCredentials
            // Finds out that the network is gone where nobody says so.
            .keepAliveTime(20, SECONDS)
            .keepAliveTimeout(10, SECONDS)
            .intercept(MetadataUtils.newAttachHeadersInterceptor(headers()))
            .build();

    Follower follower = new Follower(channel, "orders.>");
    Server server = new Server(channel, "JAVA", follower::heard);
    List<Kept<?, ?>> both = List.of(follower, server);
    Runtime.getRuntime().addShutdownHook(new Thread(() -> {
      both.forEach(Kept::leave);
      both.forEach(Kept::awaitEnd);
    }));
    both.forEach(Kept::open);
    both.forEach(Kept::awaitEnd);
  }

  private static Metadata headers() {
    Metadata headers = new Metadata();
    String token = System.getenv("BLACKROAD_TOKEN");
    if (token != null) {
      Metadata.Key<String> key = Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);
      headers.put(key, "Bearer " + token);
    }
    return headers;
  }
}
