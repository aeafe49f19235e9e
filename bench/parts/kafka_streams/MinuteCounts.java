import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Repartitioned;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.BuiltInDslStoreSuppliers;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;
import org.apache.kafka.streams.state.WindowStore;

/**
 * Events by minute and type with Kafka Streams, by its DSL or by its processors; the first argument says which, the
 * others are topics. Stores are in memory, with their changelogs.
 */
public final class MinuteCounts {
    private static final long MINUTE = 60_000;
    private static final long GRACE = 10 * MINUTE;
    /** How often results are told and offsets committed: as often as the benchmark's other contestants do. */
    private static final int COMMIT_MILLISECONDS = 800;
    private static final int PARTITIONS = 2;
    private static final byte[] NOTHING = new byte[0];
    private static final JsonFactory JSON = new JsonFactory();

    /** What a window asks of an event; the time in milliseconds since 1970. */
    record Happened(String type, long time) {}

    private final Map<String, Long> counts = new HashMap<>();
    private final long records = number("PART_RECORDS");
    private final long readable = number("PART_READABLE");
    private final long ready = System.nanoTime();
    private final long spent = cpu();
    private long began;
    private long taken;
    private long half;
    private long counted;

    public static void main(String[] arguments) {
        MinuteCounts job = new MinuteCounts();
        List<String> topics = List.of(arguments).subList(1, arguments.length);
        StreamsBuilder builder = new StreamsBuilder();
        KStream<byte[], Happened> events = job.events(builder, topics);
        switch (arguments[0]) {
            case "dsl" -> job.byDsl(events);
            case "processor" -> job.byProcessor(builder, events);
            default -> throw new IllegalArgumentException("no way to count is called " + arguments[0]);
        }
        KafkaStreams streams = new KafkaStreams(builder.build(), job.configuration());
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            Runtime.getRuntime().halt(1);
            return StreamThreadExceptionResponse.SHUTDOWN_APPLICATION;
        });
        streams.start();
    }

    private Properties configuration() {
        Properties given = new Properties();
        given.put(StreamsConfig.APPLICATION_ID_CONFIG, System.getenv("PEER_GROUP"));
        given.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, System.getenv("PEER_SERVERS"));
        given.put(StreamsConfig.STATE_DIR_CONFIG, System.getenv("PEER_HOME") + "/state");
        given.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, COMMIT_MILLISECONDS);
        given.put(
            StreamsConfig.DSL_STORE_SUPPLIERS_CLASS_CONFIG,
            BuiltInDslStoreSuppliers.InMemoryDslStoreSuppliers.class);
        return given;
    }

    /** The records that are events, at the time when they happened. */
    private KStream<byte[], Happened> events(StreamsBuilder builder, List<String> topics) {
        Serde<Happened> serde = Serdes.serdeFrom(
            (topic, happened) -> {
                throw new IllegalStateException("events are not sent on");
            },
            (topic, value) -> read(value));
        return builder
            .stream(topics, Consumed.with(Serdes.ByteArray(), serde).withTimestampExtractor(this::timeOf))
            .filter((key, happened) -> happened != null);
    }

    private long timeOf(ConsumerRecord<Object, Object> record, long partitionTime) {
        if (began == 0) {
            began = System.nanoTime();
        }
        if (++taken == records / 2) {
            half = cpu();
        }
        return record.value() instanceof Happened happened ? happened.time() : Math.max(partitionTime, 0);
    }

    /**
     * Windows by the DSL. Counting by something else than the key leads through a topic. Partitions of the source are
     * kept apart there: they are read at different speeds, and a window must not be closed for the slower one.
     */
    private void byDsl(KStream<byte[], Happened> events) {
        events
            .process(Labels::new)
            .repartition(
                Repartitioned.with(Serdes.String(), Serdes.ByteArray())
                    .withName("labels")
                    .withNumberOfPartitions(PARTITIONS)
                    .withStreamPartitioner((topic, label, value, n) -> Optional.of(Set.of(partitionOf(label) % n))))
            .groupByKey()
            .windowedBy(TimeWindows.ofSizeAndGrace(Duration.ofMillis(MINUTE), Duration.ofMillis(GRACE)))
            .count(
                Materialized.<String, Long, WindowStore<Bytes, byte[]>>as("minutes")
                    .withRetention(Duration.ofHours(1)))
            .toStream()
            .foreach((window, count) -> tell(window.window().start(), window.key(), count));
    }

    /** Gives each event its type and partition as its key. */
    private static final class Labels extends ContextualProcessor<byte[], Happened, String, byte[]> {
        @Override
        public void process(Record<byte[], Happened> record) {
            context().forward(record.withKey(label(record, context())).withValue(NOTHING));
        }
    }

    /** Counts by processors: a store of lines, told when they are committed; no topic in between. */
    private void byProcessor(StreamsBuilder builder, KStream<byte[], Happened> events) {
        builder.addStateStore(
            Stores.keyValueStoreBuilder(Stores.inMemoryKeyValueStore("minutes"), Serdes.String(), Serdes.Long())
                .withCachingEnabled());
        events.process(Lines::new, "minutes");
    }

    private final class Lines extends ContextualProcessor<byte[], Happened, Void, Void> {
        private KeyValueStore<String, Long> store;

        @Override
        public void init(ProcessorContext<Void, Void> context) {
            super.init(context);
            store = context.getStateStore("minutes");
        }

        @Override
        public void process(Record<byte[], Happened> record) {
            long minute = record.timestamp() / MINUTE * MINUTE;
            String label = label(record, context());
            String line = minute + " " + label;
            Long before = store.get(line);
            long count = before == null ? 1 : before + 1;
            store.put(line, count);
            tell(minute, label, count);
        }
    }

    private static String label(Record<byte[], Happened> record, ProcessorContext<?, ?> context) {
        return record.value().type() + "/" + context.recordMetadata().orElseThrow().partition();
    }

    private static int partitionOf(String label) {
        return Integer.parseInt(label.substring(label.lastIndexOf('/') + 1));
    }

    /** A window's count as it is now. The benchmark ends when every event is in one. */
    private void tell(long start, String label, long count) {
        Long before = counts.put(start / 1000 + " " + label, count);
        counted += count - (before == null ? 0 : before);
        if (counted == readable) {
            finish();
        }
    }

    /** Type and time of an event, read to its end; null for what is none. */
    private static Happened read(byte[] value) {
        String type = null;
        String time = null;
        try (JsonParser json = JSON.createParser(value)) {
            if (json.nextToken() != JsonToken.START_OBJECT) {
                return null;
            }
            while (json.nextToken() == JsonToken.FIELD_NAME) {
                String name = json.currentName();
                json.nextToken();
                switch (name) {
                    case "type" -> type = json.getText();
                    case "time" -> time = json.getText();
                    default -> json.skipChildren();
                }
            }
        } catch (IOException torn) {
            return null;
        }
        return type == null || time == null ? null : new Happened(type, milliseconds(time));
    }

    /** Milliseconds since 1970. Nearly all times are UTC with milliseconds, for which the library takes long. */
    private static long milliseconds(String time) {
        if (time.length() != 24 || time.charAt(23) != 'Z') {
            return Instant.parse(time).toEpochMilli();
        }
        long day = LocalDate.of(digits(time, 0, 4), digits(time, 5, 7), digits(time, 8, 10)).toEpochDay();
        long seconds = digits(time, 11, 13) * 3600 + digits(time, 14, 16) * 60 + digits(time, 17, 19);
        return (day * 86_400 + seconds) * 1000 + digits(time, 20, 23);
    }

    private static int digits(String text, int from, int to) {
        return Integer.parseInt(text, from, to, 10);
    }

    /** Write what was found and what it took, as the benchmark's other contestants do. */
    private void finish() {
        long now = System.nanoTime();
        long used = cpu();
        Map<String, Long> found = new HashMap<>();
        counts.forEach((line, count) -> found.merge(line.substring(0, line.lastIndexOf('/')), count, Long::sum));
        String lines = found.entrySet().stream()
            .map(line -> "\"" + line.getKey() + "\":" + line.getValue())
            .collect(Collectors.joining(","));
        try {
            String result = "{\"cpu\":" + (used - spent) / 1e9 + ",\"second_half_cpu\":" + (used - half) / 1e9
                + ",\"seconds\":" + (now - began) / 1e9
                + ",\"events\":" + (records - 1) + ",\"peak_megabytes\":" + peak()
                + ",\"found\":{" + lines + "}}";
            Path home = Path.of(System.getenv("PEER_HOME"));
            Path draft = Files.writeString(home.resolve("result.draft"), result);
            Files.move(draft, home.resolve("result.json"), StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException error) {
            throw new IllegalStateException(error);
        }
    }

    /** Nanoseconds of CPU of this process so far. */
    private static long cpu() {
        return ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
            .getProcessCpuTime();
    }

    /** The most memory that this process had, in megabytes. */
    private static long peak() throws IOException {
        return Files.readAllLines(Path.of("/proc/self/status")).stream()
            .filter(line -> line.startsWith("VmHWM:"))
            .mapToLong(line -> Long.parseLong(line.split("\\s+")[1]) / 1024)
            .findFirst()
            .orElseThrow();
    }

    private static long number(String name) {
        return Long.parseLong(System.getenv(name));
    }
}
