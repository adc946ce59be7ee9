// The pictures of docs/images.
import { newPage, untilDone } from './browser.mjs';
import { startMock } from './mock.mjs';

const kPictures = {
  light: { colorScheme: 'light' },
  dark: { colorScheme: 'dark' },
  phone: { colorScheme: 'light', viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true },
};

export async function takeScreenshots(browser, folder) {
  for (const [name, options] of Object.entries(kPictures)) {
    const mock = await startMock({ delay: 2 });
    const page = await newPage(browser, mock.url, options);
    const questions = ['Sorting in C++ by two keys', 'A letter to the landlord', 'What is a 1-bit model?'];
    for (const [i, question] of questions.entries()) {
      if (i > 0) await page.keyboard.press('Alt+n');
      await page.locator('#composer').fill(question);
      await page.getByRole('button', { name: 'Send' }).click();
      await untilDone(page);
    }
    await page.locator('#composer').blur();
    await page.mouse.move(0, 0);
    await page.screenshot({ path: `${folder}/page-${name}.png` });
    await page.context().close();
    mock.close();
  }
}
