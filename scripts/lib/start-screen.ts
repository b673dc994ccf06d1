import { styleText } from 'node:util'
import type { Progress } from '@payflow-app/stack'

export const bold = (text: string) => styleText('bold', text)
export const dim = (text: string) => styleText('dim', text)
const green = (text: string) => styleText('green', text)

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']

interface Running {
  readonly step: string
  readonly startedAt: number
}

/** Steps that overlap: finished ones stay on screen, running ones share a last line that moves. */
export class StartScreen {
  readonly #running: Running[] = []
  readonly #live = process.stdout.isTTY && process.env['CI'] === undefined
  readonly #startedAt = performance.now()
  #timer: NodeJS.Timeout | undefined
  #frame = 0

  show(progress: Progress): void {
    this.#clear()
    if (progress.state === 'started') {
      this.#running.push({ step: progress.step, startedAt: performance.now() })
      if (!this.#live) console.log(`  … ${progress.step}`)
    } else if (progress.state === 'note') {
      console.log(dim(`    ${progress.detail}`))
    } else {
      const index = this.#running.findIndex(({ step }) => step === progress.step)
      const [done] = index === -1 ? [] : this.#running.splice(index, 1)
      const took = done === undefined ? '' : seconds(done.startedAt)
      console.log(
        `  ${green('✓')} ${progress.step.padEnd(12)} ${progress.detail.padEnd(22)} ${dim(took)}`,
      )
    }
    this.#draw()
    // Where nothing can move, a line now and then says that it goes on.
    if (this.#live) this.#timer ??= setInterval(() => this.#redraw(), 100)
    else this.#stillRunning()
  }

  finish(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#clear()
    this.#running.length = 0
  }

  #stillRunning(): void {
    clearInterval(this.#timer)
    this.#timer = setInterval(() => {
      const steps = this.#running.map(({ step, startedAt }) => `${step} ${seconds(startedAt)}`)
      if (steps.length > 0) console.log(dim(`    ${steps.join(', ')}`))
    }, 2_500)
  }

  #redraw(): void {
    this.#frame += 1
    this.#clear()
    this.#draw()
  }

  #draw(): void {
    if (!this.#live || this.#running.length === 0) return
    const names = this.#running.map(({ step }) => step).join(', ')
    const frame = FRAMES[this.#frame % FRAMES.length] ?? ''
    process.stdout.write(`  ${frame} ${names} ${dim(seconds(this.#startedAt))}`)
  }

  #clear(): void {
    if (this.#live) process.stdout.write('\r\u001B[2K')
  }
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`
}
