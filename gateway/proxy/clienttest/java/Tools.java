import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Runs command-line tools of Kafka in this JVM, several at the same time. What a tool and
 * the threads that it starts read and print is its own.
 */
public final class Tools {
    /** What a tool reads and prints, and its exit status. */
    private static final class Streams {
        final InputStream in;
        final OutputStream out = new ByteArrayOutputStream();
        final OutputStream err = new ByteArrayOutputStream();
        final List<Runnable> hooks = new ArrayList<>();
        Integer status;

        Streams(String stdin) {
            in = new ByteArrayInputStream(stdin.getBytes(StandardCharsets.UTF_8));
        }
    }

    /** Takes the place of the end of the JVM. */
    private static final class Exited extends Error {
        Exited() {
            super("exit", null, false, false);
        }
    }

    private static final InheritableThreadLocal<Streams> CURRENT = new InheritableThreadLocal<>();

    static {
        PrintStream out = System.out;
        PrintStream err = System.err;
        InputStream in = System.in;
        System.setOut(new PrintStream(new Divided(out, true), true));
        System.setErr(new PrintStream(new Divided(err, false), true));
        System.setIn(new InputStream() {
            private InputStream mine() {
                return CURRENT.get() == null ? in : CURRENT.get().in;
            }

            @Override
            public int read() throws IOException {
                return mine().read();
            }

            @Override
            public int read(byte[] b, int off, int len) throws IOException {
                return mine().read(b, off, len);
            }
        });
        Class<?> exit = find("org.apache.kafka.common.utils.internals.Exit", "org.apache.kafka.common.utils.Exit");
        install(exit, "setExitProcedure", "Procedure", true);
        install(exit, "setHaltProcedure", "Procedure", true);
        install(exit, "setShutdownHookAdder", "ShutdownHookAdder", false);
    }

    private Tools() {}

    /** Lets the end of the JVM be that of this thread and of those that it starts. */
    static void adopt() {
        CURRENT.set(new Streams(""));
    }

    /** Returns the exit status of the adopted thread, or null while there is none. */
    static Integer status() {
        return CURRENT.get().status;
    }

    private static final class Divided extends OutputStream {
        private final OutputStream other;
        private final boolean stdout;

        Divided(OutputStream other, boolean stdout) {
            this.other = other;
            this.stdout = stdout;
        }

        private OutputStream mine() {
            Streams s = CURRENT.get();
            return s == null ? other : stdout ? s.out : s.err;
        }

        @Override
        public void write(int b) throws IOException {
            mine().write(b);
        }

        @Override
        public void write(byte[] b, int off, int len) throws IOException {
            mine().write(b, off, len);
        }

        @Override
        public void flush() throws IOException {
            mine().flush();
        }
    }

    private static Class<?> find(String... names) {
        for (String name : names) {
            try {
                return Class.forName(name);
            } catch (ClassNotFoundException e) {
                // the next
            }
        }
        throw new IllegalStateException("no class of " + Arrays.toString(names));
    }

    /** Sets a procedure of Kafka's class Exit: to end the tool, or to run something at its end. */
    private static void install(Class<?> exit, String setter, String procedure, boolean ends) {
        try {
            Class<?> type = Class.forName(exit.getName() + "$" + procedure);
            Object p = Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, (self, method, args) -> {
                Streams s = CURRENT.get();
                if (!ends) {
                    if (s != null) {
                        s.hooks.add((Runnable) args[1]);
                    }
                    return null;
                }
                if (s != null && s.status == null) {
                    s.status = (Integer) args[0];
                    if (args.length > 1 && args[1] != null) {
                        System.err.println(args[1]);
                    }
                }
                throw new Exited();
            });
            exit.getMethod(setter, type).invoke(null, p);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Loads the classes of the tools anew: some of them count in static fields. */
    private static final class Fresh extends URLClassLoader {
        private static final URL[] JARS = Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
            .map(File::new).filter(f -> f.getName().matches("kafka(-tools|_2\\.13)-[0-9.]+\\.jar")).map(Fresh::url).toArray(URL[]::new);

        Fresh() {
            super(JARS, Tools.class.getClassLoader());
        }

        private static URL url(File f) {
            try {
                return f.toURI().toURL();
            } catch (MalformedURLException e) {
                throw new IllegalStateException(e);
            }
        }

        @Override
        protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
            synchronized (getClassLoadingLock(name)) {
                Class<?> known = findLoadedClass(name);
                if (known == null && (name.startsWith("kafka.") || name.startsWith("org.apache.kafka.tools."))) {
                    try {
                        return findClass(name);
                    } catch (ClassNotFoundException e) {
                        // in another jar
                    }
                }
                return known == null ? super.loadClass(name, resolve) : known;
            }
        }
    }

    /** The arguments are command lines: for each the class, the standard input, the number of arguments, and these. */
    public static String run(String[] args) throws Exception {
        StringBuilder b = new StringBuilder();
        for (int i = 0; i < args.length; ) {
            int n = Integer.parseInt(args[i + 2]);
            b.append(tool(args[i], args[i + 1], Arrays.copyOfRange(args, i + 3, i + 3 + n)));
            i += 3 + n;
        }
        return b.toString();
    }

    /** Runs what a tool wants to be run when its JVM ends. */
    private static void atEnd(Streams s) throws InterruptedException {
        for (Runnable hook : s.hooks) {
            Thread t = new Thread(hook);
            t.setDaemon(true);
            t.start();
            t.join(10_000);
        }
    }

    private static String tool(String name, String stdin, String[] args) throws Exception {
        Streams s = new Streams(stdin);
        CURRENT.set(s);
        ClassLoader before = Thread.currentThread().getContextClassLoader();
        try (Fresh loader = new Fresh()) {
            Thread.currentThread().setContextClassLoader(loader);
            loader.loadClass(name).getMethod("main", String[].class).invoke(null, (Object) args);
        } catch (InvocationTargetException e) {
            if (!(e.getCause() instanceof Exited) && s.status == null) {
                System.err.println("Exception in thread \"main\" " + e.getCause());
                s.status = 1;
            }
        } finally {
            atEnd(s);
            Thread.currentThread().setContextClassLoader(before);
            CURRENT.remove();
        }
        int status = s.status == null ? 0 : s.status;
        return "stdout:\n" + s.out + "\nstderr:\n" + s.err + "\nexit status " + status + "\n";
    }
}
