"""Two lines that move while two sides take turns, on a terminal and in a recording of it."""
import threading
import time
from contextlib import contextmanager
from xml.sax.saxutils import escape

WIDTH = 40


class Recording:
    """What stood on the screen when; becomes a picture that moves (SVG). Used by one thread at a time."""

    STEP_S, COLUMNS, FONT_PX, LINE_PX = 0.5, 104, 13, 18

    def __init__(self):
        self.start, self.frames = time.monotonic(), []

    def frame(self, lines, at_once=False):
        now = time.monotonic() - self.start
        if self.frames and not at_once and now - self.frames[-1][0] < self.STEP_S:
            return
        if not self.frames or self.frames[-1][1] != lines:
            self.frames.append((now, list(lines)))

    def svg(self, hold_s=8.0):
        """Loops; the last frame stays for `hold_s`, and is what a viewer without animation shows."""
        end = self.frames[-1][0] + hold_s
        height = self.LINE_PX * (max(len(lines) for _, lines in self.frames) + 1)
        width = round(self.COLUMNS * self.FONT_PX * 0.602) + 20
        parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
                 f'font-family="ui-monospace, Menlo, Consolas, monospace" font-size="{self.FONT_PX}" fill="#e6e6e6">',
                 f'<rect width="{width}" height="{height}" rx="6" fill="#1b1f24"/>']
        ends = [start for start, _ in self.frames[1:]] + [end]
        for number, ((start, lines), stop) in enumerate(zip(self.frames, ends)):
            last = number == len(self.frames) - 1
            shown = "none;inline" if last else "none;inline;none"
            times = f"0;{start / end:.4f}" + ("" if last else f";{stop / end:.4f}")
            text = "".join(f'<text x="10" y="{self.LINE_PX * (row + 1)}" xml:space="preserve">{escape(line)}</text>'
                           for row, line in enumerate(lines) if line)
            parts.append(f'<g display="{"inline" if last else "none"}"><animate attributeName="display" values="{shown}" keyTimes="{times}" '
                         f'dur="{end:.1f}s" calcMode="discrete" repeatCount="indefinite"/>{text}</g>')
        return "\n".join([*parts, "</svg>", ""])


class Lines:
    """One line a side, redrawn in place on a terminal; elsewhere a line for each request that has ended. Used by one thread."""

    def __init__(self, out, names):
        self.out, self.names, self.moves, self.recording = out, names, out.isatty(), Recording()
        self.above, self.texts, self.drawn = [], {}, False

    def start(self, title):
        """A new pair of lines below what there is."""
        self.texts, self.drawn = {name: "starting" for name in self.names}, False
        self.say("", title)
        self._draw()

    def say(self, *lines):
        """Lines that stay."""
        self.above += lines
        print("\n".join(lines), file=self.out, flush=True)

    def leave(self, *lines):
        """Ends the pair of lines: they stay as they are, with these below."""
        self.above += [f"{name:<5} {self.texts[name]}" for name in self.names]
        self.texts = {}
        self.say(*lines)
        self.recording.frame(self.above, at_once=True)

    @contextmanager
    def running(self, name):
        """Shows the seconds that the side's request has taken so far."""
        ended, start, before = threading.Event(), time.monotonic(), self.texts[name]

        def tick():
            while not ended.wait(0.1):
                self.texts[name] = f"{before:<{WIDTH + 27}}{time.monotonic() - start:6.1f} s"
                self._draw()

        ticker = threading.Thread(target=tick)
        ticker.start()
        try:
            yield
        finally:
            ended.set()
            ticker.join()
            self.texts[name] = before

    def done(self, name, count, total, median_ms):
        bar = "#" * (WIDTH * count // total)
        self.texts[name] = f"[{bar:<{WIDTH}}] {count}/{total}  median {median_ms:6.0f} ms"
        self._draw()
        if not self.moves:
            print(f"{name:<5} {self.texts[name]}", file=self.out, flush=True)

    def _draw(self):
        lines = [f"{name:<5} {self.texts[name]}" for name in self.names]
        self.recording.frame(self.above + lines)
        if self.moves:
            up = f"\x1b[{len(self.names)}A" if self.drawn else ""
            self.out.write(up + "".join(f"\x1b[K{line}\n" for line in lines))
            self.out.flush()
        self.drawn = True
