import { RotateCw, TriangleAlert } from 'lucide-react'
import type { LucideIcon } from 'lucide-react'
import type { ReactNode } from 'react'
import { problemText } from '../api/problem.ts'
import { Button } from './button.tsx'

/** What a list shows when there is nothing in it yet. */
export function EmptyState(props: {
  readonly icon: LucideIcon
  readonly title: string
  readonly children?: ReactNode
}) {
  const Icon = props.icon
  return (
    <div className='flex flex-col items-center px-6 py-10 text-center'>
      <span className='mb-3 grid size-12 place-items-center rounded-2xl bg-tint text-accent'>
        <Icon aria-hidden='true' className='size-6' />
      </span>
      <p className='font-semibold'>{props.title}</p>
      <div className='mt-1 max-w-xs text-sm text-soft'>{props.children}</div>
    </div>
  )
}

/** An error where the content would be, with the way out. */
export function LoadError(props: { readonly error: unknown; readonly onRetry: () => void }) {
  return (
    <div role='alert' className='flex flex-col items-center gap-3 px-6 py-8 text-center'>
      <TriangleAlert aria-hidden='true' className='size-6 text-bad' />
      <p className='max-w-sm text-sm'>{problemText(props.error)}</p>
      <Button
        variant='quiet'
        icon={<RotateCw aria-hidden='true' className='size-4' />}
        onClick={props.onRetry}
      >
        Try again
      </Button>
    </div>
  )
}

/** An error above a form. */
export function FormError(props: { readonly children: ReactNode }) {
  return (
    <p role='alert' className='flex gap-2.5 rounded-xl bg-bad-tint px-3.5 py-3 text-sm text-bad'>
      <TriangleAlert aria-hidden='true' className='mt-0.5 size-4 shrink-0' />
      <span>{props.children}</span>
    </p>
  )
}

/** Grey rows in the shape of what is coming. */
export function SkeletonRows(props: { readonly rows: number }) {
  return (
    <div role='status' aria-label='Loading' className='breathe divide-y divide-line'>
      {Array.from({ length: props.rows }, (_, row) => (
        <div key={row} className='flex items-center gap-3 px-4 py-3.5 sm:px-5'>
          <span className='size-10 rounded-full bg-sunken' />
          <span className='flex-1 space-y-2'>
            <span className='block h-3.5 w-2/5 rounded bg-sunken' />
            <span className='block h-3 w-1/4 rounded bg-sunken' />
          </span>
          <span className='h-4 w-16 rounded bg-sunken' />
        </div>
      ))}
    </div>
  )
}
