import java.io.IOException;
import java.lang.reflect.Method;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.env.Environment;
import org.elasticsearch.node.InternalSettingsPreparer;
import org.elasticsearch.node.Node;
import org.elasticsearch.plugins.PluginBundle;
import org.elasticsearch.plugins.PluginsLoader;

/**
 * Starts one node inside this JVM: Launcher CONFIG_FOLDER key=value ...
 * SIGTERM closes it in order. End of standard input halts it at once: whoever started it is gone.
 */
public class Launcher {
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
        LogConfigurator.configureESLogging();
        Environment environment =
            InternalSettingsPreparer.prepareEnvironment(Settings.EMPTY, settings, Path.of(args[0]), () -> "node");
        PluginsLoader plugins = PluginsLoader.createPluginsLoader(modules(environment), Set.of(), Map.of(), false);
        Node node = new Node(environment, plugins);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> close(node), "close"));
        node.start();
        Thread.currentThread().join();
    }

    /** The two majors differ here: 9 also wants to know whether the node has no state of its own. */
    @SuppressWarnings("unchecked")
    private static Set<PluginBundle> modules(Environment environment) throws ReflectiveOperationException {
        for (Method method : PluginsLoader.class.getMethods()) {
            if (method.getName().equals("loadModulesBundles")) {
                Object[] arguments = method.getParameterCount() == 1
                    ? new Object[] {environment.modulesDir()}
                    : new Object[] {environment.modulesDir(), false};
                return (Set<PluginBundle>) method.invoke(null, arguments);
            }
        }
        throw new NoSuchMethodException("PluginsLoader.loadModulesBundles");
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
