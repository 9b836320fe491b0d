import java.awt.BorderLayout;
import java.awt.Color;
import java.awt.Dimension;
import java.awt.Graphics;
import javax.swing.JButton;
import javax.swing.JCheckBox;
import javax.swing.JFrame;
import javax.swing.JMenu;
import javax.swing.JMenuBar;
import javax.swing.JPanel;
import javax.swing.SwingUtilities;

/** A window of Swing's own widgets around a picture; nothing in it moves or has the focus. */
public class Swing {
    private static class Picture extends JPanel {
        @Override
        protected void paintComponent(Graphics graphics) {
            super.paintComponent(graphics);
            graphics.setColor(new Color(0xc81e5a));
            graphics.fillOval(40, 30, 240, 140);
        }
    }

    private static JButton unfocused(JButton button) {
        button.setFocusable(false);
        return button;
    }

    private static void show() {
        JFrame frame = new JFrame("Swing");
        JMenuBar bar = new JMenuBar();
        JCheckBox box = new JCheckBox("Box", true);
        Picture picture = new Picture();
        picture.setBackground(new Color(0xf0f0e8));
        picture.setPreferredSize(new Dimension(320, 200));
        box.setFocusable(false);
        bar.add(new JMenu("File"));
        bar.add(new JMenu("Edit"));
        frame.setJMenuBar(bar);
        frame.add(box, BorderLayout.NORTH);
        frame.add(picture, BorderLayout.CENTER);
        frame.add(unfocused(new JButton("Button")), BorderLayout.SOUTH);
        frame.setDefaultCloseOperation(JFrame.EXIT_ON_CLOSE);
        frame.pack();
        frame.setVisible(true);
    }

    public static void main(String[] arguments) {
        SwingUtilities.invokeLater(Swing::show);
    }
}
