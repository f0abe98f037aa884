import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.opensearch.common.logging.LogConfigurator;
import org.opensearch.common.settings.Settings;
import org.opensearch.env.Environment;
import org.opensearch.node.InternalSettingsPreparer;
import org.opensearch.node.Node;
import org.opensearch.transport.Netty4Plugin;

/**
 * Starts one node inside this JVM: Launcher CONFIG_FOLDER key=value ...
 * SIGTERM closes it in order. End of standard input halts it at once: whoever started it is gone.
 */
public class Launcher {
    /** A node whose one module is on the class path: the public constructor looks for modules in a folder. */
    private static final class Served extends Node {
        Served(Environment environment) {
            super(environment, List.of(Netty4Plugin.class), true);
        }
    }

    public static void main(String[] args) {
        try {
            run(args);
        } catch (Throwable error) {
            // Threads of a half-made node would keep the JVM alive.
            error.printStackTrace();
            Runtime.getRuntime().halt(1);
        }
    }

    private static void run(String[] args) throws Exception {
        Thread watchdog = new Thread(Launcher::haltWithParent, "watchdog");
        watchdog.setDaemon(true);
        watchdog.start();

        Map<String, String> settings = new HashMap<>();
        for (int i = 1; i < args.length; i++) {
            String[] pair = args[i].split("=", 2);
            settings.put(pair[0], pair[1]);
        }
        LogConfigurator.registerErrorListener();
        Environment environment =
            InternalSettingsPreparer.prepareEnvironment(Settings.EMPTY, settings, Path.of(args[0]), () -> "node");
        Node node = new Served(environment);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> close(node), "close"));
        node.start();
        Thread.currentThread().join();
    }

    private static void haltWithParent() {
        try {
            while (System.in.read() >= 0) {}
        } catch (IOException gone) {
            // the same as its end
        }
        Runtime.getRuntime().halt(3);
    }

    private static void close(Node node) {
        try {
            node.close();
        } catch (IOException error) {
            error.printStackTrace();
        }
    }
}
