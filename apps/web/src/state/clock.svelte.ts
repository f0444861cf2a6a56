// A time that screens may show: moves once a minute, and when the page comes back to sight.
class Clock {
  nowMs = $state(Date.now());

  constructor() {
    const move = () => {
      this.nowMs = Date.now();
    };
    setInterval(move, 60_000);
    document.addEventListener("visibilitychange", move);
  }
}

export const clock = new Clock();
