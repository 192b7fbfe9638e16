import org.apache.kafka.common.errors.UnsupportedVersionException;
import org.apache.kafka.common.message.ApiMessageType;
import org.apache.kafka.common.protocol.*;
import org.apache.kafka.common.protocol.types.*;

import java.lang.reflect.Modifier;
import java.nio.ByteBuffer;
import java.util.*;

/** Prints the schemas of all responses of a Kafka release, from its generated classes. */
public class ResponseSchemas {
    /** The class that was generated with a schema. */
    static final Map<Schema, Class<?>> CLASSES = new IdentityHashMap<>();

    public static void main(String[] args) throws Exception {
        for (ApiMessageType m : ApiMessageType.values()) {
            Class<?> response;
            try {
                response = m.newResponse().getClass();
            } catch (UnsupportedVersionException e) {
                continue; // a request of the past
            }
            learn(response);
            for (Class<?> inner : response.getDeclaredClasses()) learn(inner);
            Schema[] schemas = m.responseSchemas();
            for (short v = 0; v < schemas.length; v++) {
                if (schemas[v] != null) {
                    System.out.println(m.apiKey() + "\t" + v + "\t" + m.responseHeaderVersion(v) + "\t" + of(schemas[v], v));
                }
            }
        }
    }

    static void learn(Class<?> c) throws Exception {
        for (java.lang.reflect.Field f : c.getFields()) {
            if (Modifier.isStatic(f.getModifiers()) && f.getType() == Schema.class && f.get(null) != null) {
                CLASSES.put((Schema) f.get(null), c);
            }
        }
    }

    static String of(Type t, short version) throws Exception {
        if (t instanceof TaggedFields) {
            StringBuilder b = new StringBuilder("<");
            for (Map.Entry<Integer, org.apache.kafka.common.protocol.types.Field> e : ((TaggedFields) t).fields().entrySet()) {
                b.append(e.getKey()).append(":").append(of(e.getValue().type, version)).append(";");
            }
            return b.append(">").toString();
        }
        if (t instanceof Schema) {
            StringBuilder b = new StringBuilder("{");
            for (BoundField f : ((Schema) t).fields()) {
                boolean mayBeNull = f.def.type instanceof Schema && mayBeNull(CLASSES.get(t), f.def.name, version);
                b.append(f.def.name).append("=").append(mayBeNull ? "?" : "").append(of(f.def.type, version)).append(" ");
            }
            return b.toString().trim() + "}";
        }
        Optional<Type> e = t.arrayElementType();
        if (e.isPresent()) {
            return (t.isNullable() ? "?" : "") + (t instanceof CompactArrayOf ? "c" : "") + "[" + of(e.get(), version) + "]";
        }
        return t.toString().toLowerCase(Locale.ROOT) + (t.isNullable() ? "?" : "");
    }

    /** Schemas do not say which structures may be null; the classes refuse to write those that may not. */
    static boolean mayBeNull(Class<?> in, String name, short version) throws Exception {
        StringBuilder camel = new StringBuilder();
        for (String word : name.split("_")) {
            camel.append(camel.length() == 0 ? word : Character.toUpperCase(word.charAt(0)) + word.substring(1));
        }
        java.lang.reflect.Field f = in.getDeclaredField(camel.toString());
        f.setAccessible(true);
        Object o = in.getDeclaredConstructor().newInstance();
        f.set(o, null);
        ObjectSerializationCache cache = new ObjectSerializationCache();
        try {
            ((Message) o).addSize(new MessageSizeAccumulator(), cache, version);
            ((Message) o).write(new ByteBufferAccessor(ByteBuffer.allocate(10000)), cache, version);
            return true;
        } catch (NullPointerException e) {
            return false;
        }
    }
}
