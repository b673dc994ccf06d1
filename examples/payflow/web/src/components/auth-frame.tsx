import { ShieldCheck } from 'lucide-react'
import type { ReactNode } from 'react'
import { Logo } from './logo.tsx'
import { PageHeading } from './page-heading.tsx'

/** The frame around the pages of people who are not logged in. */
export function AuthFrame(props: { readonly title: string; readonly children: ReactNode }) {
  return (
    <div className='grid min-h-dvh lg:grid-cols-2'>
      <aside className='hero hidden flex-col justify-end p-14 text-white lg:flex'>
        <ShieldCheck aria-hidden='true' className='mb-6 size-10 text-[#c9f7dc]' strokeWidth={1.5} />
        <p className='max-w-md text-4xl leading-tight font-semibold tracking-tight'>
          Every payment ends completed or failed. Exactly once.
        </p>
        <p className='mt-4 max-w-sm text-white/90'>
          Double clicks, lost answers, crashed workers: the money still moves one time or not at
          all.
        </p>
      </aside>
      <main className='flex flex-col px-5 py-8 sm:px-10'>
        <Logo />
        <div className='m-auto w-full max-w-sm py-10'>
          <PageHeading title={props.title} />
          {props.children}
        </div>
      </main>
    </div>
  )
}
