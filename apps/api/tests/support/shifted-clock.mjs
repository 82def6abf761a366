// Preloaded into a process, this shifts the wall clock that it sees by `CLOCK_SHIFT_SECONDS`. The monotonic clock stays.
const shiftMs = Number(process.env.CLOCK_SHIFT_SECONDS) * 1000
const RealDate = Date

globalThis.Date = class ShiftedDate extends RealDate {
  constructor(...parts) {
    super(...(parts.length === 0 ? [ShiftedDate.now()] : parts))
  }

  static now() {
    return RealDate.now() + shiftMs
  }
}
