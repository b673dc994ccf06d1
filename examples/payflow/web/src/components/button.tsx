import type { ComponentProps, ReactNode } from 'react'

type Variant = 'primary' | 'quiet' | 'plain' | 'danger'

/** Size and shape of a button, without its colours. */
export const buttonShape =
  'inline-flex min-h-11 items-center justify-center gap-2 rounded-xl px-4 py-2.5 text-sm ' +
  'font-semibold transition-colors disabled:cursor-not-allowed disabled:opacity-55 ' +
  'cursor-pointer select-none'

const looks: Readonly<Record<Variant, string>> = {
  primary: 'bg-accent text-on-accent hover:bg-accent-strong',
  quiet: 'border border-line bg-surface text-ink hover:bg-sunken',
  plain: 'text-accent hover:bg-tint',
  danger: 'border border-line bg-surface text-bad hover:bg-bad-tint',
}

/** The look of a button, for links that stand where a button would. */
export function buttonClass(variant: Variant = 'primary', more = ''): string {
  return `${buttonShape} ${looks[variant]} ${more}`
}

interface ButtonProps extends ComponentProps<'button'> {
  readonly variant?: Variant
  /** Shows that something is going on; the button stays in its place. */
  readonly busy?: boolean
  readonly icon?: ReactNode
}

export function Button({ variant, busy, icon, className, children, ...rest }: ButtonProps) {
  return (
    <button
      type='button'
      aria-busy={busy}
      className={buttonClass(variant, className)}
      {...rest}
      disabled={busy === true || rest.disabled === true}
    >
      {busy ? <Spinner /> : icon}
      {children}
    </button>
  )
}

export function Spinner() {
  return (
    <span
      aria-hidden='true'
      className='size-4 animate-spin rounded-full border-2 border-current border-r-transparent'
    />
  )
}
