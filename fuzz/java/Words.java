import java.util.function.IntFunction;

/** The words of a call, taken one by one, and patience with answers that may not come. */
final class Words {
    private final String[] words;
    private int next;

    Words(String[] words) {
        this.words = words;
    }

    boolean more() {
        return next < words.length;
    }

    String text() {
        return words[next++];
    }

    int number() {
        return Integer.parseInt(text());
    }

    /** Takes the next words, of which the first says how many there are. */
    String[] list() {
        String[] list = new String[number()];
        for (int i = 0; i < list.length; i++) {
            list[i] = text();
        }
        return list;
    }

    /**
     * Returns the answers to the questions 0 to n-1. A question that takes longer than some
     * seconds is answered with late; its thread is ended, and another answers the rest.
     */
    static String[] patiently(int n, int seconds, String late, IntFunction<String> answer) throws InterruptedException {
        String[] answers = new String[n];
        Runner runner = null;
        for (int done = 0; done < n; ) {
            if (runner == null) {
                runner = new Runner(answers, done, answer);
                runner.start();
            }
            runner.join(1000L * seconds);
            int now = runner.next;
            if (!runner.isAlive()) {
                if (runner.failure != null) {
                    throw new IllegalStateException("question " + now, runner.failure);
                }
                return answers;
            }
            if (now == done) {
                end(runner);
                runner = null;
                answers[done++] = late;
            } else {
                done = now;
            }
        }
        if (runner != null) {
            runner.join();
        }
        return answers;
    }

    @SuppressWarnings({"deprecation", "removal"})
    private static void end(Runner runner) {
        runner.answers = new String[runner.answers.length]; // what it may still write is not used
        try {
            runner.stop();
        } catch (UnsupportedOperationException e) {
            // From JDK 20 on a thread cannot be ended. It goes on, as a daemon.
        }
    }

    /** Escapes all characters but printable ASCII as Java does. */
    static String escape(String text) {
        StringBuilder b = new StringBuilder(text.length());
        for (char c : text.toCharArray()) {
            if (c >= ' ' && c < 0x7f && c != '\\') {
                b.append(c);
            } else {
                b.append(String.format("\\u%04x", (int) c));
            }
        }
        return b.toString();
    }

    private static final class Runner extends Thread {
        volatile String[] answers;
        volatile int next;
        volatile Throwable failure;
        private final IntFunction<String> answer;

        Runner(String[] answers, int first, IntFunction<String> answer) {
            super(null, null, "questions", 16 << 20);
            this.answers = answers;
            this.next = first;
            this.answer = answer;
            setDaemon(true);
        }

        @Override
        public void run() {
            try {
                for (int n = answers.length; next < n; next++) {
                    String one = answer.apply(next);
                    answers[next] = one;
                }
            } catch (Throwable e) {
                failure = e;
            }
        }
    }
}
