"""Compares the event types in the vendors' SDKs with those that the dialects read: vendors.py TOP [DIALECTS].

tests/vendors.sh calls it with the Python that has the SDKs. TOP is the project; DIALECTS is another folder to read instead of
src/dialect. A type is known if the dialect's source names it: as a string, or as a member of a struct that serde fills. Where a reader
takes whole families ("span.…"), or any word (a finish reason that is passed on as it is), TABLES says so, with the piece of source that
does it: without that piece the family is unknown too. A family never covers a type that carries output or ends a stream by its name.
"""

import enum
import importlib
import importlib.metadata
import inspect
import pathlib
import re
import sys
import typing

# --- what the SDKs have -------------------------------------------------------------------------------------------------------------


class Gone(Exception):
    """The SDK does not have what TABLES names."""


FOUND = []


def find(path):
    """The object at `module:name.name`; FOUND remembers it."""
    module, _, names = path.partition(":")
    try:
        found = importlib.import_module(module)
        for name in names.split("."):
            found = getattr(found, name)
    except (ImportError, AttributeError) as e:
        raise Gone(f"{path} ({e})") from e
    FOUND.append(found)
    return found


def others():
    """Unions of events in the modules of the SDKs that no table names: a new stream shows here."""
    for module in MODULES:
        for name, kind in vars(importlib.import_module(module)).items():
            if re.search(r"(Stream|Server|Session)\w*Events?$|Stream(ed)?(Chat)?Response$", name) and len(members(kind)) > 1:
                if not any(kind is found for found in FOUND):
                    yield f"{module}:{name}"


def members(kind):
    """The members of a union, also one in an annotation or under a name."""
    if hasattr(typing.get_origin(kind), "__value__"):
        return [m for arg in typing.get_args(kind) for m in members(arg)]
    if hasattr(kind, "__value__"):
        return members(kind.__value__)
    if typing.get_origin(kind) is typing.Annotated:
        return members(typing.get_args(kind)[0])
    if typing.get_origin(kind) is typing.Union or type(kind).__name__ == "UnionType":
        return [m for arg in typing.get_args(kind) for m in members(arg)]
    return [kind]


def words(kind):
    """The values of a Literal, of an enum, or of a union of them."""
    out = []
    for member in members(kind):
        if typing.get_origin(member) is typing.Literal:
            out += [getattr(value, "value", value) for value in typing.get_args(member)]
        elif inspect.isclass(member) and issubclass(member, enum.Enum):
            out += [value.value for value in member]
    return [word for word in out if isinstance(word, str)]


def field(path, name):
    """The type of a member of a class."""
    cls = find(path)
    known = getattr(cls, "model_fields", {})
    if name not in known:
        raise Gone(f"{path} has no {name}")
    return known[name].annotation


def union(path, tag="type", member=None):
    """The values of `tag` in all classes of a union."""
    out = []
    for cls in members(field(path, member) if member else find(path)):
        name = getattr(cls, "__name__", str(cls))
        if name.startswith("Unknown") or cls is type(None):
            continue
        known = getattr(cls, "model_fields", {})
        found = words(known[tag].annotation) if tag in known else []
        if not found:
            raise Gone(f"{path}: {name} has no {tag} of fixed values")
        out += found
    return out


def values(path, member=None):
    """The values of an enum or a Literal."""
    return words(field(path, member) if member else find(path))


def fields(path):
    """The members of a class, as they are in JSON or in Python."""
    known = getattr(find(path), "model_fields", None)
    if not known:
        raise Gone(f"{path} has no fields")
    return list(known)


def proto(path, what):
    """Of a protobuf message: its fields; of an enum: its names."""
    descriptor = find(path).DESCRIPTOR
    if what == "numbers":
        return [f"{f.number} {f.name}" for f in descriptor.fields]
    return [f.name for f in (descriptor.fields if what == "fields" else descriptor.values)]


# --- what the dialects read ---------------------------------------------------------------------------------------------------------

TOKEN = re.compile(r"""//[^\n]*|b?r(?P<h>\#*)".*?"(?P=h)|b?"(?P<s>(?:[^"\\]|\\.)*)"|'(?:[^'\\]|\\.[^']*)'""", re.S)


class Source:
    """The source of one dialect, without comments and tests."""

    def __init__(self, folder, names):
        text = ""
        for name in names:
            paths = [folder / f"{name}.rs", *sorted((folder / name).glob("**/*.rs"))]
            for path in paths:
                if path.exists() and path.name != "tests.rs" and "tests" not in path.relative_to(folder).parts:
                    text += path.read_text(encoding="utf-8").split("#[cfg(test)]\nmod tests {")[0].split("mod tests {")[0]
        if not text:
            raise Gone(f"no source of {', '.join(names)} in {folder}")
        self.strings = {m["s"] for m in TOKEN.finditer(text) if m["s"] is not None}
        self.code = TOKEN.sub(lambda m: "" if m[0].startswith("//") else m[0], text)
        self.fields = {m[1] for m in re.finditer(r"^\s*(?:pub(?:\([a-z: ]+\))? )?(?:r#)?([a-z_0-9]+): ", self.code, re.M)}

    def part(self, start, end):
        """The code between two pieces of it; nothing if one is not there."""
        rest = self.code.partition(start)[2]
        return rest.partition(end)[0] if end in rest else ""

    def names(self, word, how):
        """Whether the source names this type."""
        if how.get("numbers"):
            number = word.split()[0]
            return bool(re.search(rf"^\s*{number}\b[^\n]*=>|\({number}, Value", self.part(*how["numbers"]), re.M))
        if how.get("list"):
            return any(f'"{word}"' in self.part(start, "];") for start in how["list"])
        if how.get("fields"):
            return snake(word) in self.fields or word in self.strings or camel(word) in self.strings
        told = how.get("told", lambda w: w)(word)
        return word in self.strings or told in self.strings

    def family(self, word, how):
        """Whether the source takes this type with its family, or takes any word."""
        if how.get("any") and how["any"] in self.code:
            return True
        if CARRIES.search(word):
            return False
        return any(
            family.strip("*") in self.strings
            and (word.startswith(family.strip("*")) if family.endswith("*") else word.endswith(family.strip("*")))
            for family in how.get("families", ())
        )


def snake(word):
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", word).lower()


def camel(word):
    return re.sub(r"_([a-z0-9])", lambda m: m[1].upper(), word)


# A name that says output or an end: no family covers it, and no omission may hide it.
CARRIES = re.compile(
    r"delta|chunk|completed|failed|incomplete|done$|finished|error|cancel|closed|terminated|expired|_call$|tool_use$|transcript"
    r"|^text$|^image|^audio$|^video$|inline_data|output(?!_audio_buffer)|requires_action",
    re.I,
)

# --- the tables: vendor, stream, dialect's files (none: no dialect reads it), the SDK's types, how they are known ---------------------

GAOS = "google.genai._gaos.types.interactions"
SESSIONS = "anthropic.types.beta.sessions"
SPAN = ("span.*", "workflow_run.*", "session.status_*", "session.thread_*", "agent.*")
RESPONSE = {"told": lambda w: w.removeprefix("response.")}
STATE = {"told": lambda w: w.removeprefix("TASK_STATE_").lower().replace("_", "-")}
REALTIME = ("session.*", "response.*", "conversation.*", "input_audio_buffer.*", "rate_limits.*")
FINISH = {"any": "answer.finish("}
FIELDS = {"fields": True}
LIST = {"list": ("const FINISH_REASONS",)}
FAILED = {"list": ("const FINISH_REASONS", "const FAILED_REASONS")}

# Where the SDKs that are generated have their unions.
MODULES = ["openai.types", "openai.types.audio", "openai.types.beta", "openai.types.chat", "openai.types.realtime",
           "openai.types.responses", "anthropic.types", "anthropic.types.beta", "anthropic.types.beta.sessions", GAOS, "cohere"]

TABLES = [
    ("openai", "chat chunk", ["openai_chat"], lambda: fields("openai.types.chat:ChatCompletionChunk"), FIELDS),
    ("openai", "chat choice", ["openai_chat"], lambda: fields("openai.types.chat.chat_completion_chunk:Choice"), FIELDS),
    ("openai", "chat delta", ["openai_chat"], lambda: fields("openai.types.chat.chat_completion_chunk:ChoiceDelta"), FIELDS),
    ("openai", "chat finish reason", ["openai_chat"],
     lambda: values("openai.types.chat.chat_completion_chunk:Choice", "finish_reason"), LIST),
    ("openai", "responses event", ["openai_responses"],
     lambda: union("openai.types.responses:ResponsesServerEvent") + union("openai.types.responses:ResponseStreamEvent"), RESPONSE),
    ("openai", "responses beta event", ["openai_responses"],
     lambda: union("openai.types.beta:BetaResponsesServerEvent") + union("openai.types.beta:BetaResponseStreamEvent"), RESPONSE),
    ("openai", "responses status", ["openai_responses"], lambda: values("openai.types.responses:ResponseStatus"), FINISH),
    ("openai", "responses item", ["openai_responses"], lambda: union("openai.types.responses:ResponseOutputItem"), {}),
    ("openai", "realtime event", ["openai_realtime"], lambda: union("openai.types.realtime:RealtimeServerEvent"),
     {"families": REALTIME}),
    ("openai", "realtime status", ["openai_realtime"],
     lambda: values("openai.types.realtime:RealtimeResponse", "status"), FINISH),
    ("openai", "realtime translation", ["openai_realtime"],
     lambda: union("openai.types.realtime:RealtimeTranslationServerEvent"), {}),
    ("openai", "agent session", ["openai_agents"], lambda: union("openai.types.beta:AgentSessionEvent"), {}),
    ("openai", "assistants", ["openai_assistants"], lambda: union("openai.types.beta:AssistantStreamEvent", "event"), {}),
    ("openai", "transcription", ["openai_transcription"], lambda: union("openai.types.audio:TranscriptionStreamEvent"), {}),
    ("openai", "images", ["openai_images"],
     lambda: union("openai.types:ImageGenStreamEvent") + union("openai.types:ImageEditStreamEvent"), {}),
    ("anthropic", "messages event", ["anthropic"],
     lambda: union("anthropic.types:RawMessageStreamEvent") + union("anthropic.types.beta:BetaRawMessageStreamEvent"), {}),
    ("anthropic", "block", ["anthropic"],
     lambda: union("anthropic.types:ContentBlock") + union("anthropic.types.beta:BetaContentBlock"),
     {"any": '.ends_with("tool_use")) {\n            let key', "only": "tool_use"}),
    ("anthropic", "delta", ["anthropic"],
     lambda: union("anthropic.types:RawContentBlockDelta") + union("anthropic.types.beta:BetaRawContentBlockDelta"), {}),
    ("anthropic", "stop reason", ["anthropic"],
     lambda: values("anthropic.types:StopReason") + values("anthropic.types.beta:BetaStopReason"), FINISH),
    ("anthropic", "sessions event", ["anthropic_sessions"],
     lambda: [word for name in ("StreamSessionEvents", "StreamSessionThreadEvents", "SessionEvent")
              for word in union(f"{SESSIONS}:BetaManagedAgents{name}")],
     {"families": SPAN, "told": lambda w: w.removeprefix("session.thread_status_")}),
    ("google-genai", "generate part", ["gemini"], lambda: fields("google.genai.types:Part"), FIELDS),
    ("google-genai", "finish reason", ["gemini"], lambda: values("google.genai.types:FinishReason"), FINISH),
    ("google-genai", "live message", ["gemini_live"], lambda: fields("google.genai.types:LiveServerMessage"), FIELDS),
    ("google-genai", "live content", ["gemini_live"], lambda: fields("google.genai.types:LiveServerContent"), FIELDS),
    ("google-genai", "live music message", ["gemini_live"], lambda: fields("google.genai.types:LiveMusicServerMessage"), FIELDS),
    ("google-genai", "live music content", ["gemini_live"], lambda: fields("google.genai.types:LiveMusicServerContent"), FIELDS),
    ("google-genai", "interactions event", ["gemini_interactions"],
     lambda: union(f"{GAOS}:InteractionSSEEvent", "event_type") + union(f"{GAOS}:ServerEvent", "event_type"), {}),
    ("google-genai", "interactions delta", ["gemini_interactions"], lambda: union(f"{GAOS}:StepDeltaData"),
     {"any": 'ends_with("_call")', "only": "_call", "families": ("*_result",)}),
    ("google-genai", "interactions step", ["gemini_interactions"], lambda: union(f"{GAOS}:Step"),
     {"any": 'ends_with("_call")', "only": "_call", "families": ("*_result",)}),
    ("google-genai", "interactions content", ["gemini_interactions"], lambda: union(f"{GAOS}:Content"), {}),
    ("mcp", "notification", ["mcp"], lambda: union("mcp.types:ServerNotification", "method"), {"any": "message.method"}),
    ("mcp", "request", ["mcp"], lambda: union("mcp.types:ServerRequest", "method"), {"any": "message.method"}),
    ("ag-ui-protocol", "event", ["ag_ui"], lambda: values("ag_ui.core:EventType"), {}),
    ("a2a-sdk", "event", ["a2a"], lambda: proto("a2a.types.a2a_pb2:StreamResponse", "fields"), FIELDS),
    ("a2a-sdk", "state", ["a2a"], lambda: list(find("a2a.types.a2a_pb2:TaskState").keys()), STATE),
    ("a2a-sdk", "part", ["a2a"], lambda: proto("a2a.types.a2a_pb2:Part", "fields"), FIELDS),
    ("agent-client-protocol", "update", ["acp"],
     lambda: union("acp.schema:SessionNotification", "session_update", "update"), {}),
    ("agent-client-protocol", "content", ["acp"],
     lambda: union("acp.schema:AgentMessageChunk", "type", "content"), FIELDS),
    ("agent-client-protocol", "stop reason", ["acp"], lambda: values("acp.schema:StopReason"), FINISH),
    ("ollama", "chat", ["ollama"], lambda: fields("ollama:ChatResponse"), FIELDS),
    ("ollama", "message", ["ollama"], lambda: fields("ollama:Message"), FIELDS),
    ("ollama", "generate", ["ollama"], lambda: fields("ollama:GenerateResponse"), FIELDS),
    ("ollama", "status", ["ollama_status"], lambda: fields("ollama:ProgressResponse"), FIELDS),
    ("cohere", "chat v2 event", ["cohere"], lambda: union("cohere:V2ChatStreamResponse"), {}),
    ("cohere", "chat v1 event", ["cohere"], lambda: union("cohere:StreamedChatResponse", "event_type"), {}),
    ("cohere", "finish reason", ["cohere"],
     lambda: values("cohere:ChatFinishReason") + values("cohere:FinishReason"), FINISH),
    ("mistralai", "chat delta", ["openai_chat"], lambda: fields("mistralai.client.models:DeltaMessage"), FIELDS),
    ("mistralai", "chat finish reason", ["openai_chat"],
     lambda: values("mistralai.client.models:CompletionResponseStreamChoice", "finish_reason"), FAILED),
    ("mistralai", "responses event", ["openai_responses"],
     lambda: union("mistralai.client.models:ResponsesStreamFrameData"), RESPONSE),
    ("mistralai", "conversations", ["mistral_conversations"],
     lambda: union("mistralai.client.models:ConversationEventsData"), {}),
    ("mistralai", "speech", ["openai_speech"],
     lambda: union("mistralai.client.models.speech_v1_audio_speech_postop:SpeechV1AudioSpeechPostData"), {}),
    ("mistralai", "transcription", ["openai_transcription"],
     lambda: union("mistralai.client.models:TranscriptionStreamEventsData"), {}),
    ("xai-sdk", "delta", ["xai"], lambda: proto("xai_sdk.proto:chat_pb2.Delta", "numbers"), {"numbers": ("fn output(", "fn call(")}),
    ("xai-sdk", "finish reason", ["xai"], lambda: list(find("xai_sdk.proto:sample_pb2.FinishReason").keys()), {"list": ("const REASONS",)}),
]

# --- the comparison -----------------------------------------------------------------------------------------------------------------

SHARE = 10  # Percent of a vendor's types that may be omitted.


def omissions(path):
    """Vendor, stream and type of each line, with the reason."""
    out, wrong = {}, []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = [part.strip() for part in line.split("|")]
        if len(parts) != 4 or not all(parts):
            wrong.append(f"{path.name}:{number}: not VENDOR | STREAM | TYPE | REASON: {line}")
        elif tuple(parts[:3]) in out:
            wrong.append(f"{path.name}:{number}: listed twice: {line}")
        else:
            out[tuple(parts[:3])] = parts[3]
    return out, wrong


def main():
    top = pathlib.Path(sys.argv[1])
    folder = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else top / "src" / "dialect"
    omitted, wrong = omissions(top / "tests" / "vendors_omitted.txt")
    seen, missing, totals = set(), [], {}
    row = "{:<36} {:<22} {:>5} {:>6} {:>9} {:>8} {:>8}".format
    print(row("vendor", "stream", "types", "named", "by family", "omitted", "missing"))
    for vendor, stream, names, types, how in TABLES:
        label = f"{vendor} {importlib.metadata.version(vendor)}"
        try:
            found = list(dict.fromkeys(types()))
            source = Source(folder, names) if names else None
            if not found:
                raise Gone("no type at all")
        except Exception as e:  # an SDK of tomorrow may break anywhere: the other rows still count
            wrong.append(f"{label}, {stream}: {e or type(e).__name__}: moved or gone? Look for it and mend TABLES in tests/tools/vendors.py")
            continue
        counts = [0, 0, 0, 0]
        for word in found:
            key = (vendor, stream, word)
            family = source and source.family(word, how) and word.endswith(how.get("only", ""))
            if source and source.names(word, how):
                place = 0
            elif family or source and source.family(word, {"families": how.get("families", ())}):
                place = 1
            elif key in omitted:
                place = 2
            else:
                place = 3
                missing.append((label, stream, word, bool(names)))
            if key in omitted:
                seen.add(key)
                if place != 2:
                    wrong.append(f"omitted but read: {' | '.join(key)}: take it off tests/vendors_omitted.txt")
                elif CARRIES.search(word) and not omitted[key].startswith("input: "):
                    wrong.append(f"omitted although its name says output or an end: {' | '.join(key)}: read it")
            counts[place] += 1
        print(row(label, stream, len(found), *counts))
        total = totals.setdefault(label, [0, 0, 0, 0, 0])
        totals[label] = [a + b for a, b in zip(total, [len(found), *counts])]
    print()
    print(row("vendor", "all its streams", "types", "named", "by family", "omitted", "missing"))
    for label, total in totals.items():
        print(row(label, "", *total))
        if total[3] > max(1, total[0] * SHARE // 100):
            wrong.append(f"{label}: {total[3]} of {total[0]} types omitted, more than {SHARE} %")
    try:
        for path in others():
            wrong.append(f"a union of events that TABLES in tests/tools/vendors.py does not name: {path}")
    except ImportError as e:
        wrong.append(f"{e}: mend MODULES in tests/tools/vendors.py")
    for key in omitted.keys() - seen:
        wrong.append(f"omitted but not in the SDK: {' | '.join(key)}: take it off tests/vendors_omitted.txt")
    for title, known in (("missing in a dialect", True), ("streams that no dialect reads", False)):
        groups = {}
        for label, stream, word, read in missing:
            if read == known:
                groups.setdefault((label, stream), []).append(word + ("*" if CARRIES.search(word) else ""))
        if groups:
            print(f"\n{title} (* by its name it carries output or ends a stream):")
            for (label, stream), group in groups.items():
                print(f"  {label}, {stream}: {', '.join(group)}")
    if wrong:
        print("\nwrong:")
        for line in sorted(wrong):
            print(f"  {line}")
    return 1 if missing or wrong else 0


sys.exit(main())
