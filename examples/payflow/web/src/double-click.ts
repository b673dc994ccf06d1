/**
 * Keeps the second half of a double click from pressing what the first half has brought.
 *
 * A button that moves money is gone with its click, and what stands in its place a moment later was
 * not there to be meant: a way back from a refusal that nobody has read yet, a link to elsewhere. So
 * a click that goes on with an earlier one counts only on the button or link of that one.
 *
 * Clicks of the keyboard, and on anything that is no button or link, are left alone.
 */
export function guardDoubleClicks(): void {
  let pressed: Element | null = null
  addEventListener(
    'click',
    (event) => {
      const now = event.target instanceof Element ? event.target.closest('a, button') : null
      // How many clicks in a row the browser takes this one for, in time and in place.
      if (event.detail < 2) pressed = now
      else if (now !== null && now !== pressed) {
        event.preventDefault()
        event.stopImmediatePropagation()
      }
    },
    { capture: true },
  )
}
